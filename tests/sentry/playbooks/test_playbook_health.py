"""Well or not, from what a program says of itself and when."""

from __future__ import annotations

from rigfarm.sentry.playbooks.health import Health
from rigfarm.sentry.playbooks.ledger import Memory
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Workload, WorkloadState
from rigfarm.wire.playbooks import Supervision

FIVE_MINUTES = Supervision(stall_s=300, low_fraction=0.5)


def says(*rates: float | None, state: WorkloadState | None = None) -> MinerReading:
    return MinerReading(workloads=[Workload(hashrate=rate, state=state) for rate in rates])


SILENT = MinerReading(workloads=[Workload(state="unreachable")])


def health(memory: Memory | None = None, program: str = "a") -> Health:
    return Health(FIVE_MINUTES, memory or Memory(), program, 0.0)


def learned(*rates: float) -> Memory:
    memory = Memory()
    teacher = health(memory)
    for number in range(1, 40):
        teacher.look(number * 30.0, says(*rates))
    return memory


def test_it_works() -> None:
    one = health()
    assert one.look(1, says(None, state="starting")) == one.look(1, says(None, state="starting"))
    assert not one.look(10, says(None, state="starting")).hashing
    finding = one.look(20, says(1e6))
    assert finding.hashing
    assert finding.trouble is None
    assert one.well_s(320) == 300


def test_each_trouble_lasts_as_long_as_is_allowed() -> None:
    for reading, trouble in (
        (SILENT, "silent"),
        (MinerReading(), "silent"),
        (says(0.0), "idle"),
        (says(None), "idle"),
        (says(0.0, None), "idle"),
    ):
        one = health()
        one.look(100, says(5.0))
        early, late = one.look(399, reading), one.look(400, reading)
        assert (early.trouble, early.stalled) == (trouble, None)
        assert (late.trouble, late.stalled) == (trouble, trouble)
        assert late.detail.endswith("for 5 min")
        assert one.well_s(400) == 0


def test_trouble_that_passes_is_forgiven() -> None:
    one = health()
    for at in range(0, 3_000, 250):
        one.look(at, SILENT)
        assert one.look(at + 200, says(5.0)).stalled is None


def test_a_start_may_take_as_long_as_a_stall() -> None:
    one = health()
    assert one.look(299, SILENT).stalled is None
    assert one.look(300, SILENT).stalled == "silent"


def test_far_below_its_own_normal() -> None:
    one = health(learned(100.0))
    assert one.look(10, says(51.0)).trouble is None
    low = one.look(20, says(49.0))
    assert (low.hashing, low.trouble, low.stalled) == (True, "low", None)
    assert one.look(310, says(10.0)).stalled == "low"
    assert "less than 50% of its own normal hashrate" in one.look(310, says(10.0)).detail


def test_one_coin_of_two_that_stands_still_is_low_not_dead() -> None:
    one = health(learned(100.0, 7.0))
    assert one.look(10, says(100.0, 7.0)).trouble is None
    assert one.look(400, says(100.0, 0.0)).stalled == "low"


def test_a_slump_does_not_become_the_normal() -> None:
    memory = learned(100.0)
    one = health(memory)
    for at in range(0, 100_000, 30):
        one.look(at, says(20.0))
    assert one.normal(0) == 100.0


def test_what_is_normal_is_not_known_at_once_and_not_of_another_program() -> None:
    assert health(Memory()).normal(0) is None
    one = health()
    for at in range(0, 300, 30):
        one.look(at, says(100.0))
    assert one.look(310, says(1.0)).trouble is None, "ten samples are not enough"
    memory = learned(100.0)
    assert health(memory).normal(0) == 100.0
    assert health(memory, "b").normal(0) is None
    assert memory.normal == []


def test_memory_is_bounded() -> None:
    memory = Memory()
    one = health(memory)
    for number in range(10_000):
        one.look(number * 30.0, says(1.0, 2.0))
    assert [len(samples) for samples in memory.normal] == [240, 240]
