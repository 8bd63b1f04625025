"""The scan, and the enrolment of what it found."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from rigfarm import units
from rigfarm.sentry.asic.addresses import lan_address
from rigfarm.sentry.asic.model import STATE_WORDS, InputError
from rigfarm.sentry.asic.pages.html import render, wrong
from rigfarm.sentry.asic.scan import Find, ScanProgress
from rigfarm.sentry.asic.service import AsicService
from rigfarm.sentry.asic.unit import Unit
from rigfarm.sentry.rig.address import lan_ip
from rigfarm.sentry.ui import Html, Live, Row

__all__ = ["ScanForm", "names_for", "scan_card"]

DEFAULT_NAMES = "{ip}"
SCANNING_AGAIN_S = 1.0
_LATE_SHOWN = 8
_WORDS = {"running": "Scanning", "done": "Scanned", "cancelled": "Cancelled"}


class ScanForm(Struct):
    """What was typed, and what is wrong with it."""

    range: str | None = None
    names: str = DEFAULT_NAMES
    commander: str = ""
    key: str = ""
    picks: list[str] | None = None
    """Addresses that were ticked; None: nothing was chosen yet."""
    field: str | None = None
    problem: str = ""

    def wrong(self, field: str) -> Html:
        """What is wrong with one field."""
        return wrong(self.problem if field == self.field else None, field)


def names_for(pattern: str, chosen: list[tuple[Find, Unit | None]]) -> dict[str, str]:
    """A name for each chosen address: its own where it has one, else made from the pattern."""
    width = max(2, len(str(len(chosen))))
    names: dict[str, str] = {}
    for number, (find, unit) in enumerate(chosen, 1):
        name = (pattern.strip() or DEFAULT_NAMES).replace("{ip}", find.ip).replace("{n}", f"{number:0{width}}")
        name = name.replace("{model}", find.model or "asic").replace(
            "{mac}", (find.identity.mac or find.ip).replace(":", "")
        )
        names[find.ip] = (unit.device.name if unit is not None and unit.device.name else name)[:64]
    return names


def scan_card(live: Live, service: AsicService, form: ScanForm, csrf: Html, commander: str | None) -> Html:
    """The form, how far it is, what was found."""
    progress, finds = service.scan, service.finds()
    new = sum(unit is None for _, unit in finds)
    if progress is not None and progress.state == "running":
        live.again_s = SCANNING_AGAIN_S
    return render(
        "scan",
        csrf=csrf,
        range=form.range if form.range is not None else progress.text if progress is not None else _own_network(),
        wrong_range=form.wrong("range"),
        progress=live.rows("scan", _progress(progress, new, csrf) if progress is not None else []),
        finds=live.rows("finds", _finds(finds, form)),
        names=form.names,
        wrong_names=form.wrong("names"),
        address=render("enrol_address", url=form.commander, wrong=form.wrong("commander"))
        if commander is None
        else form.wrong("commander"),
        key=form.key,
        wrong_key=form.wrong("key"),
    )


def _own_network() -> str:
    """The addresses next to this machine's own, if that is one of a LAN."""
    own = lan_ip()
    try:
        return f"{lan_address(own or '').rpartition('.')[0]}.0/24"
    except InputError:
        return ""


def _progress(scan: ScanProgress, new: int, csrf: Html) -> list[Row]:
    running = scan.state == "running"
    addresses = f"{units.count(scan.done)} of {units.count(scan.total)}" if running else units.count(scan.done)
    found = f"{len(scan.finds)} ASICs found, {new} of them new" if scan.finds else "no ASICs found"
    words = f"{_WORDS[scan.state]} {scan.text}: {addresses} addresses in {units.duration(scan.seconds)}, {found}"
    if scan.again:
        words += "; asking again where nothing was heard"
    if scan.late:
        late = ", ".join(scan.late[:_LATE_SHOWN]) + (" …" if len(scan.late) > _LATE_SHOWN else "")
        words += (
            f". {units.counted(len(scan.late), 'address', 'addresses')} ({late}) took a connection and then said"
            " nothing: scan again, or restart what is there."
        )
    rows = [Row("progress", render("progress", done=scan.done, total=scan.total, words=words))]
    if running:
        # Apart from the figures: it stays the same button while they change.
        rows.append(Row("cancel", render("cancel", csrf=csrf)))
    return rows


def _finds(finds: list[tuple[Find, Unit | None]], form: ScanForm) -> list[Row]:
    """Those that could be enrolled first."""
    rows: tuple[list[Row], list[Row]] = ([], [])
    for find, unit in finds:
        listed = None
        if unit is not None:
            wants = unit.device.token is None or unit.device.token_invalid
            listed = (unit.name, wants, unit.device.token is not None)
        plain = _find(find, listed, None)
        picked = None if form.picks is None else _find(find, listed, find.ip in form.picks)
        rows[listed is not None and not listed[1]].append(Row(find.ip, plain, picked))
    return [*rows[0], *rows[1]]


@lru_cache(maxsize=10_000)
def _find(find: Find, listed: tuple[str, bool, bool] | None, picked: bool | None) -> Html:
    """`listed`: name in the list, whether it wants a token, whether it had one."""
    wants = listed is None or listed[1]
    if picked is None:
        picked = wants and find.state == "reading"
    box = render("pick", ip=find.ip, checked=Html(" checked") if picked else Html("")) if wants else Html("")
    known, tone = "new", ""
    if listed is not None:
        known = f"in the list as {listed[0]}"
        if listed[1]:
            known, tone = f"{known}, {'its token is invalid' if listed[2] else 'without a token'}", "warn"
    if find.state != "reading":
        known, tone = f"{STATE_WORDS[find.state]}: {find.detail}", "warn"
    return render(
        "find",
        box=box,
        ip=find.ip,
        what=" ".join(part for part in (find.make, find.model) if part) or "not told",
        firmware=find.firmware or "",
        rate=str(units.hashrate(find.hashrate)),
        known=known,
        tone=tone,
    )
