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
        (says(None, state="starting"), "idle"),
        (says(0.0, None, state="idle"), "idle"),
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


def test_what_an_answer_leaves_unknown_is_no_reason_to_restart() -> None:
    one = health(learned(100.0))
    for now in range(0, 4_000, 10):
        finding = one.look(now, says(None))
        assert (finding.trouble, finding.stalled, finding.hashing) == (None, None, False)
    assert finding.summary == "it answers, but its hashrate cannot be read"
    assert one.look(4_010, says(0.0)).trouble == "idle"


def test_a_program_whose_pool_takes_its_shares_hashes() -> None:
    one = health()
    for number in range(400):
        work = Workload(hashrate=None, accepted=number // 20, state="starting")
        assert one.look(number * 10.0, MinerReading(workloads=[work])).stalled is None
    work = Workload(hashrate=None, accepted=19, state="starting")
    assert one.look(3_990 + 400, MinerReading(workloads=[work])).stalled == "idle"


def rounds(etc: float | None, zil: float | None, *, order: int = 1) -> MinerReading:
    works = [
        Workload(coin="ETC", algorithm="etchash", hashrate=etc, state="mining" if etc else "idle"),
        Workload(coin="ZIL", algorithm="zil", hashrate=zil, state="mining" if zil else "idle"),
    ]
    return MinerReading(workloads=works[::order])


def test_a_coin_that_is_mined_now_and_then_is_no_trouble_and_neither_is_its_partner_in_a_round() -> None:
    for order in (1, -1):
        memory = Memory()
        one = health(memory)
        for number in range(1, 2_000):
            in_round = number % 240 < 4
            reading = rounds(0.0, 90.0, order=order) if in_round else rounds(100.0, 0.0, order=order)
            finding = one.look(number * 30.0, reading)
            assert (finding.trouble, finding.hashing) == (None, True)
        assert one.look(60_300, rounds(0.0, 0.0, order=order)).stalled == "idle"
        assert one.look(60_310, rounds(40.0, 0.0, order=order)).trouble == "low"


def test_a_hashrate_that_is_told_long_after_its_round_hides_no_trouble() -> None:
    memory = Memory()
    one = health(memory)
    for number in range(1, 400):
        assert one.look(number * 30.0, rounds(100.0, 0.0)).trouble is None
    for number in range(400, 500):  # the round is over, and its rate is told for ever
        assert one.look(number * 30.0, rounds(100.0, 90.0)).trouble is None
    findings = [one.look(number * 30.0, rounds(0.0, 90.0)) for number in range(500, 560)]
    assert [finding.trouble for finding in findings] == [None] * 30 + ["low"] * 30
    assert findings[-1].stalled == "low"
    assert one.normal(0) == 100.0


def beside(first: float, second: float) -> MinerReading:
    coins = (("ETC", first), ("NEW", second))
    return MinerReading(workloads=[Workload(coin=c, hashrate=r, state="mining" if r else "idle") for c, r in coins])


def test_a_coin_is_learned_to_come_in_rounds() -> None:
    memory = Memory()
    one = health(memory)
    for number in range(1, 2_000):  # five minutes in every two hours
        one.look(number * 30.0, beside(0.0, 90.0) if number % 240 < 10 else beside(100.0, 0.0))
    assert [rounds.learned for rounds in memory.rounds] == [False, True]
    again = health(memory)
    for now in range(0, 3_600, 30):
        assert again.look(now, beside(100.0, 0.0)).trouble is None
    assert again.look(3_630, beside(0.0, 90.0)).trouble is None
    assert again.look(3_660, beside(10.0, 0.0)).trouble == "low"
    assert health(memory, "b").look(1, beside(100.0, 0.0)).trouble is None
    assert [rounds.learned for rounds in memory.rounds] == [False, False]


def test_a_coin_whose_pool_fails_now_and_then_does_not_come_in_rounds() -> None:
    memory = Memory()
    one = health(memory)
    for number in range(1, 2_000):
        one.look(number * 30.0, beside(100.0, 0.0 if number % 240 < 20 else 90.0))
    assert not any(rounds.learned for rounds in memory.rounds)
    assert one.look(61_000, beside(100.0, 0.0)).trouble == "low"


def test_zilliqa_alone_waits_between_its_rounds() -> None:
    one = health()
    for now in range(0, 8_000, 30):
        finding = one.look(now, MinerReading(workloads=[Workload(algorithm="zil", hashrate=0.0, state="idle")]))
        assert (finding.stalled, finding.summary) == (None, "it waits for its next round")


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
