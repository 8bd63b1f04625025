"""Each judge: took effect, none, unknown, and at the edge of its tolerance; and how checks add up to *reverted*."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from rigfarm.commander.effects.judges import judge
from rigfarm.commander.effects.model import (
    Before,
    Cause,
    Check,
    Judged,
    Mined,
    Runs,
    Seen,
    Verdict,
    next_offset,
    verdict_after,
)
from rigfarm.wire.commands import (
    Locate,
    Pause,
    PoolLogin,
    PowerLimit,
    Reboot,
    Restart,
    RestartMiner,
    Resume,
    SetPools,
    ShutDown,
)
from rigfarm.wire.log import Device, Devices, OperationalLog, Pool, Workload

T = 2_000_000_000_000
SINCE = T - 60_000
"""A minute before the log."""
POOLS = SetPools([PoolLogin("stratum+tcp://new.example:3333", "farm.a"), PoolLogin("stratum+tcp://two.example:1", "b")])
XMR = Runs(
    7, "Monero", 3, "running", "xmrig", "rig-1", [Mined("XMR", ["stratum+tcp://pool.example:3333"], "4" + "A" * 94)]
)
MINING = Workload("xmrig", "6", "XMR", "rx/0", 9e3, pool="pool.example:3333", wallet="4" + "A" * 94,
                  worker="rig-1", state="mining", uptime_s=30.0, playbook=7)  # fmt: skip
OLD = Before(watts=3_250.0, hashrate=100e12, uptime_s=5_000.0)


def log(
    watts: float | None = 3_250.0,
    rate: float | None = 100e12,
    uptime_s: float | None = 5_060.0,
    *,
    pools: Sequence[Pool] = (),
    devices: Sequence[Device] = (),
    workloads: Sequence[Workload] | None = None,
) -> OperationalLog:
    its = [Workload(coin="BTC", hashrate=rate, uptime_s=uptime_s, playbook=9)] if workloads is None else workloads
    return OperationalLog(
        T, uptime_s, watts, workloads=list(its), pools=list(pools), devices=Devices.from_rows(list(devices))
    )


def _with(workload: Workload, **values: object) -> OperationalLog:
    return log(workloads=[replace(workload, **values)])


def _limits(*watts: float | None) -> list[Device]:
    return [Device("hashboard", index, power_limit_w=one) for index, one in enumerate(watts)]


def _active(url: str, user: str | None) -> list[Pool]:
    return [Pool(url, user, True, True), Pool("stratum+tcp://spare.example:3333", "x", True, False)]


class Case(NamedTuple):
    name: str
    cause: Cause
    log: OperationalLog | None
    verdict: Verdict
    says: str
    before: Before = OLD
    state: str = "online"
    playbook: tuple[str, str] = ("mining", "")


LIMIT = PowerLimit(2_800)
STOP = Runs(7, "Monero", 3, "stopped")
CASES = [
    Case("fell below", LIMIT, log(2_790.0), "took-effect", "2,790 W, limit 2,800 W"),
    Case("within tolerance", LIMIT, log(2_940.0), "took-effect", "2,940 W"),
    Case("just beyond tolerance", LIMIT, log(2_941.0), "no-effect", "2,941 W, limit 2,800 W"),
    Case("still the same", LIMIT, log(3_250.0), "no-effect", "still 3,250 W, limit 2,800 W"),
    Case("before unknown, too much", LIMIT, log(3_250.0), "no-effect", "3,250 W, limit", Before()),
    Case("before unknown, little", LIMIT, log(2_790.0), "not-measurable", "before is unknown", Before()),
    Case("was within before", LIMIT, log(2_700.0), "not-measurable", "it drew 2,710 W before", Before(2_710.0, 1e12)),
    Case("raised, and it draws more", LIMIT, log(2_760.0), "took-effect", "2,760 W", Before(2_000.0, 1e12)),
    Case("draws nothing because it is paused", LIMIT, log(60.0, 0.0), "not-measurable", "mines nothing"),
    Case("power unknown", LIMIT, log(None), "not-measurable", "power is unknown"),
    Case("power impossible", LIMIT, log(float("nan")), "not-measurable", "power is unknown"),
    Case("reports its limit", LIMIT, log(3_250.0, devices=_limits(1_400.0, 1_400.0)), "took-effect", "2,800 W"),
    Case("reports another limit", LIMIT, log(2_000.0, devices=_limits(1_800.0, 1_800.0)), "no-effect", "3,600 W, not"),
    Case("one board reports none", LIMIT, log(3_250.0, devices=_limits(1_400.0, None)), "no-effect", "still 3,250 W"),
    Case("mines at the new pool", POOLS, log(pools=_active("stratum+tcp://new.example:3333", "farm.a")),
         "took-effect", "new.example:3333 as farm.a"),
    Case("mines at its second pool", POOLS, log(pools=_active("stratum+tcp://two.example:1", "b")),
         "took-effect", "two.example:1"),
    Case("writes it otherwise", POOLS, log(pools=_active("new.example:3333", "FARM.A")), "took-effect", "new.example"),
    Case("mines elsewhere", POOLS, log(pools=_active("stratum+tcp://old.example:3333", "farm.a")),
         "no-effect", "at old.example:3333, not at new.example:3333"),
    Case("another port", POOLS, log(pools=_active("stratum+tcp://new.example:4444", "farm.a")), "no-effect", ":4444"),
    Case("another worker", POOLS, log(pools=_active("stratum+tcp://new.example:3333", "farm.z")),
         "no-effect", "as farm.z, not as farm.a"),
    Case("worker unknown", POOLS, log(pools=_active("stratum+tcp://new.example:3333", None)),
         "not-measurable", "user there is unknown"),
    Case("an address", POOLS, log(pools=_active("stratum+tcp://10.0.0.9:3333", "farm.a")),
         "not-measurable", "any pool"),
    Case("no active pool", POOLS, log(), "not-measurable", "which pool is active"),
    Case("only the workload says it", POOLS,
         log(workloads=[Workload(pool="new.example:3333", worker="farm.a")]), "took-effect", "farm.a"),
    Case("paused", Pause(), log(60.0, 0.0), "took-effect", "mines nothing"),
    Case("mines on", Pause(), log(), "no-effect", "it mines 100.0 TH/s"),
    Case("hashrate unknown", Pause(), log(rate=None), "not-measurable", "hashrate is unknown"),
    Case("was paused before", Pause(), log(rate=0.0), "not-measurable", "before", Before(60.0, 0.0)),
    Case("resumed", Resume(), log(), "took-effect", "100.0 TH/s", Before(60.0, 0.0)),
    Case("still paused", Resume(), log(rate=0.0), "no-effect", "mines nothing", Before(60.0, 0.0)),
    Case("mined before", Resume(), log(), "not-measurable", "as it did before"),
    Case("resumed, unknown", Resume(), log(rate=None), "not-measurable", "unknown", Before(60.0, 0.0)),
    Case("restarted", Restart(), log(uptime_s=20.0), "took-effect", "up for 20"),
    Case("restarted just as it was told", Restart(), log(uptime_s=75.0), "took-effect", "up for"),
    Case("began too early", Restart(), log(uptime_s=76.0), "no-effect", "up for"),
    Case("did not restart", Reboot(), log(), "no-effect", "up for"),
    Case("uptime unknown", Reboot(), log(uptime_s=None), "not-measurable", "uptime is unknown"),
    Case("uptime impossible", Reboot(), log(uptime_s=float("nan")), "not-measurable", "uptime is unknown"),
    Case("programs restarted", RestartMiner(), log(uptime_s=9.0), "took-effect", "up for 9"),
    Case("programs did not", RestartMiner(), log(), "no-effect", "up for"),
    Case("only the one in question", RestartMiner(7), log(workloads=[MINING, Workload(uptime_s=9e9, playbook=8)]),
         "took-effect", "up for 30"),
    Case("no program", RestartMiner(), log(workloads=[]), "no-effect", "no mining program"),
    Case("one of two is unknown", RestartMiner(), log(workloads=[MINING, Workload()]), "not-measurable", "unknown"),
    Case("off", ShutDown(), None, "took-effect", "offline", state="offline"),
    Case("still there", ShutDown(), log(), "no-effect", "it reports: up for"),
    Case("not gone yet", ShutDown(), None, "not-measurable", "has not ended yet"),
    Case("blinks", Locate(True), log(), "not-measurable", "does not show"),
    Case("offline", LIMIT, log(2_790.0), "not-measurable", "the rig is offline", state="offline"),
    Case("never reported", LIMIT, None, "not-measurable", "the rig is waiting", state="waiting"),
    Case("silent since", LIMIT, None, "not-measurable", "reported nothing since"),
    Case("runs the playbook", XMR, log(workloads=[MINING]), "took-effect", "xmrig mines XMR 9.000 kH/s"),
    Case("another pool", XMR, _with(MINING, pool="other.example:1"), "no-effect", "at other.example:1"),
    Case("another wallet", XMR, _with(MINING, wallet="4" + "B" * 94), "no-effect", "to wallet 4BBB"),
    Case("another playbook's worker", XMR, _with(MINING, worker="rig-2"), "no-effect", "as worker rig-2"),
    Case("another coin", XMR, _with(MINING, coin="RTM"), "no-effect", "no XMR in what it mines"),
    Case("what is unknown is not wrong", XMR, _with(MINING, pool=None, wallet=None, worker=None), "took-effect", "XMR"),
    Case("mines nothing", XMR, _with(MINING, hashrate=0.0), "no-effect", "runs, and mines nothing"),
    Case("rate unknown", XMR, _with(MINING, hashrate=None), "not-measurable", "hashrate of Monero is unknown"),
    Case("does not run", XMR, log(workloads=[]), "no-effect", "no XMR", playbook=("", "")),
    Case("is downloaded", XMR, log(workloads=[]), "not-measurable", "downloading", playbook=("downloading", "12 %")),
    Case("failed", XMR, log(workloads=[]), "no-effect", "failed: exit code 1", playbook=("failed", "exit code 1")),
    Case("stopped", STOP, log(), "took-effect", "no longer mines"),
    Case("still mines", STOP, log(workloads=[MINING]), "no-effect", "still mines 9.000 kH/s"),
    Case("may still mine", STOP, _with(MINING, hashrate=None), "not-measurable", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_judge(case: Case) -> None:
    judged = judge(case.cause, Seen(SINCE, case.before, case.log, case.state, case.playbook))
    assert judged.verdict == case.verdict, judged
    assert case.says in judged.words
    assert judged.words.isprintable(), "messages and alerts show it as it is"


@pytest.mark.parametrize(
    ("earlier", "now", "verdict"),
    [
        ([], "no-effect", "no-effect"),
        (["no-effect"], "took-effect", "took-effect"),
        (["took-effect"], "no-effect", "reverted"),
        (["took-effect", "not-measurable"], "no-effect", "reverted"),
        (["took-effect", "reverted"], "no-effect", "reverted"),
        (["took-effect", "reverted"], "took-effect", "took-effect"),
        (["took-effect"], "not-measurable", "not-measurable"),
        (["not-measurable"], "no-effect", "no-effect"),
    ],
)
def test_what_no_longer_shows_was_reverted(earlier: list[Verdict], now: Verdict, verdict: Verdict) -> None:
    assert verdict_after([Check(0, one, "") for one in earlier], Judged(now, "")) == verdict


@pytest.mark.parametrize(
    ("cause", "elapsed_s", "then"),
    [
        (LIMIT, 0, 30), (LIMIT, 30, 300), (LIMIT, 299.9, 300), (LIMIT, 301, 1_800), (LIMIT, 1_800, None),
        (ShutDown(), 30, 300), (ShutDown(), 300, None),
    ],
)  # fmt: skip
def test_when_it_is_checked(cause: Cause, elapsed_s: float, then: int | None) -> None:
    assert next_offset(cause, elapsed_s) == then
