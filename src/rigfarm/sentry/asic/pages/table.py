"""The table of devices: a page of it, filtered; the sick first, and nothing moves under the reader's eyes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import NamedTuple
from urllib.parse import urlencode

from rigfarm import units
from rigfarm.sentry.asic.model import STATE_WORDS, DeviceState
from rigfarm.sentry.asic.pages.html import render
from rigfarm.sentry.asic.pages.states import LOOKS, looks, rank
from rigfarm.sentry.asic.service import AsicService
from rigfarm.sentry.asic.unit import Unit
from rigfarm.sentry.asic.views import DeviceView, view
from rigfarm.sentry.ui import Html, Live, Row, fill
from rigfarm.sentry.ui.status import warmth

__all__ = ["PER_PAGE", "Choice", "Table"]

PER_PAGE = 50
_MAX_SEARCH = 60


class Choice(NamedTuple):
    """Which part of the list is shown; it is in the address of the page."""

    state: DeviceState | None = None
    search: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Choice:
        """From the address; what makes no sense counts as not said."""
        state = next((state for state in LOOKS if state == query.get("state")), None)
        page = query.get("page", "")
        return cls(
            state,
            query.get("q", "").strip()[:_MAX_SEARCH],
            int(page) if page.isascii() and page[:6].isdigit() and len(page) < 6 else 1,
        )

    def path(self, **changes: object) -> str:
        """The address of this, or of something near it."""
        said = self._replace(**{"page": 1, **changes})  # type: ignore[arg-type]  # the changes are named by their fields
        query = {"state": said.state, "q": said.search, "page": said.page if said.page > 1 else None}
        text = urlencode({name: value for name, value in query.items() if value})
        return f"/asics?{text}" if text else "/asics"


class Table:
    """One look at the list. `shown` are the ids that a page has already, in its order."""

    def __init__(self, service: AsicService, choice: Choice, shown: list[int]) -> None:
        self.total = len(service.roster)
        self.choice = choice
        self.counts = Counter(unit.shown_state for unit in service.roster)
        fitting = sorted((unit for unit in service.roster if _fits(unit, choice)), key=_order)
        self.fitting = len(fitting)
        self.pages = max(1, -(-len(fitting) // PER_PAGE))
        start = (min(choice.page, self.pages) - 1) * PER_PAGE
        due = fitting[start : start + PER_PAGE]
        self.units = _calm(service, due, shown)
        self.moved = bool(shown) and [unit.device.id for unit in self.units] != [unit.device.id for unit in due]

    def body(self, live: Live) -> Html:
        """The list with its filter and its pages."""
        last, page = self.pages, min(self.choice.page, self.pages)
        return render(
            "table",
            states=live.rows("states", self._states(live)),
            search=self.choice.search,
            state=self.choice.state or "",
            moved=live.rows(
                "moved", [Row("moved", render("moved", path=self.choice.path(page=page)))] if self.moved else []
            ),
            rows=live.rows("asics", self._rows(live)),
            nothing=live.rows("nothing", self._nothing()),
            previous=_turn(self.choice.path(page=page - 1), "‹ Sicker" if page > 1 else ""),
            place=f"{page} of {last}" if last > 1 else "",
            next=_turn(self.choice.path(page=page + 1), "More ›" if page < last else ""),
        )

    def _states(self, live: Live) -> list[Row]:
        shown: list[DeviceState] = [state for state in LOOKS if self.counts[state] or state == self.choice.state]
        rows = [self._state(live, "all", None, "All", self.total, "")]
        for state in shown:
            sign, tone = LOOKS[state]
            rows.append(self._state(live, state, state, f"{sign} {STATE_WORDS[state]}", self.counts[state], tone))
        return rows

    def _state(self, live: Live, key: str, state: DeviceState | None, words: str, count: int, tone: str) -> Row:
        here = Html(' aria-current="true"') if state == self.choice.state else Html("")
        number = live.text(f"count.{key}", units.count(count))
        return Row(
            key, render("state", path=self.choice.path(state=state), here=here, words=words, tone=tone, count=number)
        )

    def _nothing(self) -> list[Row]:
        if not self.total:
            return [Row("empty", render("empty"))]
        if not self.fitting:
            return [
                Row("none", render("no_match", search=self.choice.search or STATE_WORDS[self.choice.state or "new"]))
            ]
        return []

    def _rows(self, live: Live) -> list[Row]:
        shown = [view(unit) for unit in self.units]
        unit = units.hashrate_unit(one.hashrate for one in shown)
        return [self._row(live, one, unit) for one in shown]

    def _row(self, live: Live, shown: DeviceView, unit: units.Unit) -> Row:
        words, tone = looks(shown.state)
        fresh = shown.state in ("reading", "new")
        warm = warmth("hashboard", "chip_c", shown.hottest_c) if fresh else ""
        rate = units.format_in(unit, shown.hashrate)

        def put(name: str, text: str, tone: str = "") -> Html:
            return live.text(f"asic.{shown.id}.{name}", text, tone)

        html = render(
            "asic",
            id=shown.id,
            name=put("name", shown.name),
            ip=put("ip", shown.ip if shown.rig_name else ""),
            what=put("what", shown.what or "–"),
            firmware=put("firmware", shown.firmware or ""),
            state=put("state", words, tone),
            detail=put("detail", shown.detail),
            rate=put("rate", rate),
            rate_unit=put("rate-unit", unit.symbol if shown.hashrate is not None else ""),
            hottest=put("hottest", str(units.temperature(shown.hottest_c)), warm),
            boards=put("boards", *_boards(shown)),
            power=put("power", str(units.watts(shown.power_w))),
            token=put("token", *_token(shown)),
            age=put("age", units.duration(shown.read_ago_s), "" if fresh else "warn"),
        )
        return Row(str(shown.id), html)


def _fits(unit: Unit, choice: Choice) -> bool:
    if choice.state is not None and unit.shown_state != choice.state:
        return False
    device, wanted = unit.device, choice.search.casefold()
    texts = (unit.name, unit.ip, device.make, device.variant, device.firmware, device.identity.mac)
    return not wanted or any(wanted in text.casefold() for text in texts if text)


def _order(unit: Unit) -> tuple[int, int]:
    return rank(unit.shown_state), int(IPv4Address(unit.ip))


def _calm(service: AsicService, due: list[Unit], shown: list[int]) -> list[Unit]:
    """What a page has stays where it is, and new ones come below while there is room."""
    by_id = {unit.device.id: unit for unit in service.roster}
    kept = [by_id[id] for id in shown if id in by_id]
    new = [unit for unit in due if unit.device.id not in set(shown)]
    return (kept + new)[:PER_PAGE]


def _turn(path: str, words: str) -> Html:
    return fill('<a href="$path">$words</a>', path=path, words=words) if words else Html("")


def _boards(shown: DeviceView) -> tuple[str, str]:
    if shown.boards is None:
        return "–", ""
    alive, all_of_them = shown.boards
    return f"{alive} / {all_of_them}", "bad" if alive < all_of_them and shown.state == "reading" else ""


def _token(shown: DeviceView) -> tuple[str, str]:
    if not shown.has_token:
        return "none", ""
    return ("invalid", "warn") if shown.state == "token-invalid" else ("set", "")
