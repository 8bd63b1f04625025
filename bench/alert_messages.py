"""From what happens to a rig to the message: how long, in a whole Commander with real links?

Must hold: a link that drops → the message is handed to what sends it ≤ 6 s later (4 s are left to Sentries to come
back); a rig that falls silent and reports every 5 s → ≤ 17 s after its last log (three reports are waited for); 5,000
rigs that are cut off at once → one alert, ≤ 2 s after they count as gone, and memory stays flat.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import uvloop

from bench.report import Figure, cpu_seconds, report, resident_bytes
from rigfarm.commander.stats.operational import LINK_GRACE_S
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from support.load import LoadLink, Stamped, a_log, connect

EACH = 30
"""Rigs whose links drop, and as many that fall silent."""
SPREAD_S = 30.0
CUT_OFF = 5_000
GIVE_UP_S = 40.0
MB = 1 << 20
MUTATION = """
import json, time
import rigfarm.commander.alerts.engine.watch as watch
from rigfarm.commander.alerts.delivery.process import Answer, Courier
made = watch.Watch.__init__
watch.Watch.__init__ = lambda self, *given, **more: made(self, *given, **{{**more, "start_s": 0.0}})
async def check(self, url):
    return Answer(True, "")
async def send(self, url, title, body, severity="info", *, lan):
    with open({path!r}, "a") as file:
        file.write(json.dumps([time.time(), title]) + "\\n")
    return Answer(True, "HTTP 200")
Courier.check, Courier.send = check, send
"""


class _Handed:
    """What was handed to the sender: when, and with which title."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[tuple[float, str]]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [(at, title) for at, title in map(json.loads, lines)]

    async def wait(self, wanted: int) -> list[tuple[float, str]]:
        began = time.monotonic()
        while len(found := self.read()) < wanted and time.monotonic() - began < GIVE_UP_S:
            await asyncio.sleep(0.1)
        return found


def _rules(commander: CommanderProcess, ids: list[int]) -> None:
    """One about each rig, so that those that fall within a minute are not one alert; and a channel."""
    rules = commander.api("GET", "/api/alert-rules")
    assert isinstance(rules, list)
    for rule in rules:
        commander.api("DELETE", f"/api/alert-rules/{rule['id']}")
    for rig in ids:
        form = {"name": f"rig {rig}", "severity": "critical", "rigs": [rig] if rig else []}
        commander.api("POST", "/api/alert-rules", {"kind": "offline", "form": form})
    commander.api("POST", "/api/alert-channels", {"url": "json://here", "name": "bench", "per_hour": 1000})


async def _until_it_happens(link: LoadLink, rig: int, silent: bool, begin: float) -> float:
    """Report every 5 s, until the link drops or the rig falls silent; returns when that was."""
    log, chance = Stamped(a_log(rig << 8, utc_ms())), random.Random(rig)
    ends = begin + 6.0 + chance.uniform(0.0, SPREAD_S)
    await asyncio.sleep(chance.uniform(0.0, 5.0))
    while True:
        link.send_logs([log.at(utc_ms())])
        sent = time.time()
        if silent and time.monotonic() + 5.0 > ends:
            return sent
        await asyncio.sleep(min(5.0, max(ends - time.monotonic(), 0.0)))
        if not silent and time.monotonic() >= ends:
            link.close()
            return time.time()


async def _one_by_one(folder: Path) -> None:
    handed = _Handed(folder / "handed")
    with CommanderProcess(folder / "data", mutation=MUTATION.format(path=str(handed.path))) as commander:
        rigs = commander.add_rigs([f"rig-{at:03}" for at in range(2 * EACH)])
        _rules(commander, [rig for rig, _ in rigs])
        links = [await connect(commander.url, [token]) for _, token in rigs]
        begin = time.monotonic()
        happened = await asyncio.gather(
            *(_until_it_happens(link, rigs[at][0], at >= EACH, begin) for at, link in enumerate(links))
        )
        messages = await handed.wait(2 * EACH)
    took = {name: at for at, title in messages for name in [title.partition("] ")[2].partition(":")[0]]}
    waited = [took[f"rig-{at:03}"] - happened[at] for at in range(2 * EACH) if f"rig-{at:03}" in took]
    assert len(messages) == len(waited) == 2 * EACH, f"{len(messages)} messages about {len(waited)} rigs"
    for name, target, some in (
        ("link dropped → message handed to the sender", "≤ 6 s", waited[:EACH]),
        ("silent with reports every 5 s → message handed to the sender", "≤ 17 s", waited[EACH:]),
    ):
        middle = sorted(some)[len(some) // 2]
        report(
            Figure(
                name,
                f"p50 {middle:.1f} s, longest {max(some):.1f} s",
                target=target,
                notes=f"{len(some)} rigs at random times, none missed and none said twice",
            )
        )


async def _all_at_once(folder: Path) -> None:
    handed = _Handed(folder / "handed")
    with CommanderProcess(folder / "data", mutation=MUTATION.format(path=str(handed.path))) as commander:
        rigs = commander.add_rigs([f"rig-{at:04}" for at in range(CUT_OFF)])
        _rules(commander, [0])
        tokens = [token for _, token in rigs]
        first = await _cut_off(commander, tokens, handed)
        second = await _cut_off(commander, tokens, handed)
        alerts = commander.api("GET", "/api/alerts")
    assert isinstance(alerts, list)
    assert len(alerts) == 1, f"{len(alerts)} alerts"
    report(
        Figure(
            f"{CUT_OFF:,} rigs of one Sentry cut off at once, whole Commander",
            f"one alert about {alerts[0]['rigs']:,} rigs, one message {first.late_s:.1f} s later",
            target="one alert, ≤ 2 s later, memory flat",
            notes=f"later than they count as gone, and {second.late_s:.1f} s the second time; memory "
            f"{(first.most - first.before) / MB:+.0f} MB at most over {first.before / MB:.0f} MB, and "
            f"{(second.most - second.before) / MB:+.0f} MB the second time; {first.cpu_s:.1f} s of CPU in 15 s",
        )
    )


class _Cut(NamedTuple):
    """What a farm that is cut off costs: until the message, s; resident bytes before and at most; CPU within 15 s."""

    late_s: float
    before: int
    most: int
    cpu_s: float


async def _cut_off(commander: CommanderProcess, tokens: list[str], handed: _Handed) -> _Cut:
    known = len(handed.read())
    link, slots = await connect(commander.url, tokens), list(range(CUT_OFF))
    for _ in range(9):  # long enough for an earlier alert to be resolved, which is a message, too
        for at in range(0, CUT_OFF, 500):
            some = slots[at : at + 500]
            link.send_logs([encode(a_log(rig, utc_ms())) for rig in some], some)
            await asyncio.sleep(0.5)
        await asyncio.sleep(3.0)
    known += known > 0
    before, cpu, most = resident_bytes(commander.pid), cpu_seconds(commander.pid), 0
    link.close()
    dropped = time.time()
    while time.time() < dropped + 15.0:
        most = max(most, resident_bytes(commander.pid))
        await asyncio.sleep(0.05)
    messages = handed.read()[known:]
    assert len(messages) == 1, f"{len(messages)} messages"
    return _Cut(messages[0][0] - dropped - LINK_GRACE_S, before, most, cpu_seconds(commander.pid) - cpu)


def main() -> None:
    """Measure and report."""
    for measure in (_one_by_one, _all_at_once):
        with tempfile.TemporaryDirectory() as folder:
            uvloop.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
