"""Commands as people give them: chosen for a selection, confirmed with what they mean, each rig with its own result."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from rigfarm.commander.commands import Commands
from rigfarm.commander.commands.model import Pace, check, for_rig, out_of_range, sample
from rigfarm.commander.commands.store import save_commands
from rigfarm.commander.commands.view import LISTED, asks_first, consequences_of, results_of, target_of
from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view import ACTIONS, actions_of
from rigfarm.commander.selection import numbers
from rigfarm.commander.storage import Storage
from rigfarm.wire.commands import Locate, PoolLogin, PowerLimit, Restart, RestartMiner, SetPools
from support.asic_load import asic_specs

ASIC = Rig(7, "asic 07", "asic", 0)


async def test_results_of_many_rigs_are_counted_and_only_so_many_listed(
    commands: Commands, rigs: Rigs, storage: Storage
) -> None:
    """Those that failed or wait are listed first; a refresh reads no more than it shows."""
    ids = [rig.id for rig, _ in await rigs.create_many([f"rig-{n:03}" for n in range(LISTED + 20)], "cpu-gpu")]
    given = await commands.give(RestartMiner(), ids, pace=Pace(5, 1))
    ended = [replace(one, state="done", sent_at=1) for one in given[:-5]]
    ended.append(replace(given[-5], state="failed", detail="It has no power."))
    async with storage.begin() as tx:
        await save_commands(tx, ended)
        plan = text("EXPLAIN QUERY PLAN SELECT * FROM commands WHERE batch = 'x'")
        assert "ix_commands_batch" in str((await tx.execute(plan)).all())
    shown = await results_of(given[0].batch, commands, rigs)
    assert [row.command.state for row in shown["rows"][:6]] == ["failed"] + ["queued"] * 4 + ["done"]
    assert (len(shown["rows"]), shown["more"]) == (LISTED, 20)
    assert shown["counts"] == {"failed": 1, "queued": 4, "done": LISTED + 15}
    assert (shown["sent"], shown["unsent"]) == (LISTED + 15, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_every_action_of_a_menu_is_a_command(kind: str) -> None:
    for action in ACTIONS[kind]:  # type: ignore[index]
        command = sample(action.command)
        assert command.__struct_config__.tag == action.name


def test_what_is_no_command_is_refused() -> None:
    with pytest.raises(Invalid):
        sample("self-destruct")


def test_every_asic_logs_in_under_its_own_name() -> None:
    pools = SetPools([PoolLogin("stratum+tcp://a:1", "farm.$WORKER_NAME"), PoolLogin("stratum+tcp://b:2", "plain")])
    told = for_rig(pools, ASIC)
    assert isinstance(told, SetPools)
    assert [pool.user for pool in told.pools] == ["farm.asic-07", "plain"]
    assert for_rig(Restart(), ASIC) == Restart()


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_harmless_is_done_at_once(kind: KindName) -> None:
    for action in ACTIONS[kind]:
        assert action.harmless != asks_first(sample(action.command), 1), action.label
    assert [action.label for action in ACTIONS[kind] if not asks_first(sample(action.command), 2)] == (
        ["Blink", "Stop blinking"] if kind == "asic" else []
    )


@pytest.mark.parametrize(
    ("low", "high", "takes"),
    [
        (900.0, 3_600.0, "900 to 3\u202f600 W"),
        (None, 3_600.0, "at most 3\u202f600 W"),
        (4_500.0, None, "at least 4\u202f500 W"),
    ],
)
def test_a_limit_that_a_rig_does_not_take_is_refused_before_it_is_sent(
    low: float | None, high: float | None, takes: str
) -> None:
    rig = Rig(7, "asic-07", "asic", 0, specs=replace(asic_specs(7), power_limit_min_w=low, power_limit_max_w=high))
    assert out_of_range(PowerLimit(4_000), rig) == f"asic-07 takes {takes}, not 4\u202f000 W."
    within = high or low
    assert within is not None
    assert out_of_range(PowerLimit(within), rig) == ""
    assert out_of_range(Restart(), rig) == out_of_range(PowerLimit(4_000), ASIC) == ""


def test_a_limit_beyond_any_rig_is_said_in_the_numbers_of_the_pages() -> None:
    with pytest.raises(Invalid, match="between 1 and 100\u202f000 W"):
        check(PowerLimit(100_001))


def test_what_it_means_is_said_of_one_and_of_many() -> None:
    assert consequences_of(Restart(), 1) == ("The ASIC restarts; it has no hashrate for some minutes.",)
    assert "all at once" in consequences_of(Restart(), 2)[0]
    assert consequences_of(Locate(True), 5) == ()


def test_a_target_is_named_or_counted() -> None:
    rig = Rig(8, "rig-08", "cpu-gpu", 0)
    assert [target_of(rigs) for rigs in ([ASIC], [ASIC] * 1_200, [ASIC, rig])] == [
        "asic 07",
        "1\u202f200 ASICs",
        "2 rigs",
    ]


@pytest.mark.parametrize(
    ("texts", "ids"),
    [(["1,2", "2", "3"], [1, 2, 3]), ([" 7 ", "x", "-1", "1.5", "9" * 30, "٣"], [7]), ([None, ""], [])],
)
def test_ids_as_forms_carry_them(texts: list[object], ids: list[int]) -> None:
    assert numbers(texts) == ids


def test_a_rig_offers_what_it_says_it_can() -> None:
    can = Rig(7, "a", "asic", 0, specs=asic_specs(7, supports=["power-limit", "unheard-of"]))
    assert [action.command for action in actions_of(can)] == ["power-limit"]


def test_the_words_of_a_limit_are_its_own() -> None:
    assert re.search("each draws", consequences_of(PowerLimit(1.0), 2)[0], re.IGNORECASE)
