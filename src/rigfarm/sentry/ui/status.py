"""The status page: this machine, its Commander and the link, what it mines, the spool; and the cards of parts."""

from __future__ import annotations

import asyncio
import time

from rigfarm import __version__, units
from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.httpd.html import Html, escape, fill, join
from rigfarm.sentry.link import LinkState
from rigfarm.sentry.ui.html import render
from rigfarm.sentry.ui.live import Live
from rigfarm.sentry.ui.pages import Card, Ui
from rigfarm.wire.log import Device, OperationalLog, Workload

__all__ = ["StatusCards", "rows_of", "warmth"]

_MARKS = {
    "cpu": {"core_c": (80.0, 90.0)},
    "gpu": {"core_c": (75.0, 85.0), "memory_c": (95.0, 105.0), "chip_c": (95.0, 105.0)},
    "hashboard": {"core_c": (75.0, 85.0), "chip_c": (80.0, 95.0)},
}
"""°C from which a temperature is marked: warm, hot."""


class StatusCards:
    """The Sentry's own cards."""

    def __init__(self, agent: Agent, ui: Ui) -> None:
        self._agent = agent
        self._ui = ui

    def machine(self, live: Live) -> Card:
        """This machine, and how it does."""
        agent = self._agent
        latest = self._latest()
        rows = [
            ("Rig", self._rig(live)),
            ("Host name", escape(self._ui.hostname)),
        ]
        if latest is not None:
            rows += self._sensors(live, latest)
        rows += self._facts(live)
        running = units.duration(time.monotonic() - agent.started_at)
        rows.append(("Sentry", join([__version__, " · running for ", live.text("machine.running", running)])))
        problems = [f"{name}: {problem}" for name, problem in agent.problems()]
        return Card(
            "This machine",
            join([rows_of(rows), *(render("problem", text=text) for text in problems)]),
            order=10,
            tall=True,
        )

    def _rig(self, live: Live) -> Html:
        name, tone = self._rig_name()
        shown = live.text("machine.rig", name, tone)
        rig = self._agent.rig
        if rig is None or self._agent.has_good_token(rig):
            return shown
        return join([shown, Html(' · <a href="/token">enter its token</a>')])

    def _rig_name(self) -> tuple[str, str]:
        agent = self._agent
        if agent.rig is None:
            return "not a rig", ""
        verdict = agent.verdict_on(agent.rig)
        if verdict is not None and verdict.kind != "ok":
            return "its token is refused", "bad"
        if not agent.rig.tokens():
            return "was removed" if agent.removed is not None else "not a rig", ""
        if verdict is None:
            return "not known yet", ""
        return verdict.name or f"number {verdict.rig}", ""

    def _facts(self, live: Live) -> list[tuple[str, Html]]:
        rows = []
        for number, (label, maker) in enumerate(self._ui.facts):
            fact = maker()
            if fact is not None:
                shown = live.text(f"machine.fact.{number}", fact.text, fact.tone)
                rows.append((label, fill('<a href="$path">$shown</a>', path=fact.path, shown=shown)))
        return rows

    def _latest(self) -> OperationalLog | None:
        rig = self._agent.rig
        tokens = rig.tokens() if rig is not None else []
        return self._agent.reporter.latest.get(tokens[0]) if tokens else None

    def _sensors(self, live: Live, latest: OperationalLog) -> list[tuple[str, Html]]:
        rows: list[tuple[str, Html]] = []
        kinds = {"cpu": "CPU", "gpu": "GPUs", "hashboard": "Boards"}
        for kind, label in kinds.items():
            devices = [device for device in latest.devices if device.kind == kind]
            if devices:
                cells = [_cell(live, kind, position, device) for position, device in enumerate(devices)]
                rows.append((label, fill('<span class="strip">$cells</span>', cells=join(cells))))
        if latest.power_w is not None:
            rows.append(("Power", live.text("machine.power", str(units.power(latest.power_w)))))
        if latest.uptime_s is not None:
            rows.append(("Uptime", live.text("machine.uptime", units.duration(latest.uptime_s))))
        if latest.lan_ip:
            rows.append(("Address", live.text("machine.address", latest.lan_ip)))
        return rows

    def link(self, live: Live) -> Card:
        """The Commander and the link to it."""
        status = self._agent.link.status()
        word, tone, sentence = self._ui.commander.words()
        rows = [("State", live.text("link.state", word, tone))]
        if status.url is not None:
            rows.append(("Address", escape(status.url)))
            rows.append(("Its version", live.text("link.version", status.commander_version or "–")))
        since = asyncio.get_running_loop().time() - status.since
        label = "Linked for" if status.state is LinkState.ONLINE else "Not linked for"
        rows.append((label, live.text("link.since", units.duration(since))))
        problem = render("problem", text=live.text("link.error", sentence)) if sentence else Html("")
        return Card("Commander", join([rows_of(rows), problem]), order=20)

    def mining(self, live: Live) -> Card | None:
        """What runs now."""
        if self._agent.rig is None:
            return None
        latest = self._latest()
        workloads = latest.workloads if latest is not None else []
        statuses = [status for told in self._agent.reporter.statuses.values() for status in told]
        if not workloads and not statuses and not self._agent.has_good_token(self._agent.rig):
            return None
        if not workloads and not statuses:
            return Card("Mining", render("nothing_mines"), order=40, wide=True)
        table = (
            render("workloads", rows=join(_workload(live, number, one) for number, one in enumerate(workloads)))
            if workloads
            else Html("")
        )
        playbooks = join(
            render(
                "playbook",
                name=status.title,
                state=live.text(f"playbook.{status.id}.state", status.state, _playbook_tone(status.state)),
                # It may quote what the program printed, which is not for other users of this machine.
                detail=live.text(f"playbook.{status.id}.detail", "" if live.onlooker else status.detail),
            )
            for status in statuses
        )
        return Card("Mining", join([table, playbooks]), order=40, wide=True)

    def spool(self, live: Live) -> Card:
        """What waits to be sent."""
        stats = self._agent.spool.stats()
        waiting = "none" if not stats.logs else units.count(stats.logs)
        rows = [
            ("Logs waiting", live.text("spool.logs", waiting)),
            (
                "On disk",
                join(
                    [
                        live.text("spool.bytes", str(units.size(stats.bytes_on_disk))),
                        fill(" <small>of at most $limit</small>", limit=units.size(stats.limit_bytes)),
                    ]
                ),
            ),
        ]
        if stats.dropped:
            rows.append(("Lost", live.text("spool.dropped", f"▲ {units.count(stats.dropped)} logs", "warn")))
        problem = (
            render("problem", text=f"Logs are kept in memory only: {stats.problem}. Newer ones push the oldest out.")
            if stats.problem
            else Html("")
        )
        return Card("Spool", join([rows_of(rows), problem]), order=30)


def rows_of(rows: list[tuple[str, Html]]) -> Html:
    """Names and values beside each other."""
    return fill(
        "<dl>$rows</dl>",
        rows=join(fill("<dt>$name</dt><dd>$value</dd>", name=name, value=value) for name, value in rows),
    )


def _cell(live: Live, kind: str, position: int, device: Device) -> Html:
    hottest = device.hottest_c
    text = "gone" if device.missing else "–" if hottest is None else f"{hottest:.0f} °C"
    tone = "bad" if device.missing else _warmest(device)
    title = " · ".join(part for part in (device.name, device.id) if part)
    return fill(
        '<span class="cell" title="$title">$value</span>',
        title=title,
        value=live.text(f"{kind}.{position}", text, tone),
    )


def _warmest(device: Device) -> str:
    tones = {warmth(device.kind, field, getattr(device, field)) for field in _MARKS[device.kind]}
    return next((tone for tone in ("bad", "warn") if tone in tones), "")


def warmth(kind: str, field: str, value: float | None) -> str:
    """The tone of a temperature, °C."""
    warm, hot = _MARKS[kind][field]
    if value is None or value < warm:
        return ""
    return "bad" if value >= hot else "warn"


def _workload(live: Live, number: int, workload: Workload) -> Html:
    rate = units.hashrate(workload.hashrate)
    shares = "–" if workload.accepted is None else units.count(workload.accepted)
    rejected = "–" if workload.rejected is None else units.count(workload.rejected)
    state = workload.state or "–"
    tone = {"unreachable": "bad", "failed": "bad", "idle": "warn", "stopped": "warn"}.get(state, "")
    return render(
        "workload",
        software=workload.software or "–",
        version=workload.version or "",
        coin=workload.coin or "–",
        algorithm=workload.algorithm or "",
        state=live.text(f"workload.{number}.state", state, tone),
        hashrate=live.text(f"workload.{number}.hashrate", str(rate)),
        accepted=live.text(f"workload.{number}.accepted", shares),
        rejected=live.text(f"workload.{number}.rejected", rejected),
    )


def _playbook_tone(state: str) -> str:
    return {"failed": "bad", "backing-off": "warn"}.get(state, "")
