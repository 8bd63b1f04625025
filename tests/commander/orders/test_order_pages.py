"""Orders as people give them: chosen for a selection, confirmed with what they mean, each rig with its own result."""

from __future__ import annotations

import re

import pytest

from rigfarm.commander.orders.forms import consequences_of, for_rig, sample, target_of
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.model import KINDS, Rig
from rigfarm.commander.rigs.view import ACTIONS, actions_of
from rigfarm.commander.selection import numbers
from rigfarm.simulate.asic_load import asic_specs
from rigfarm.wire.orders import Locate, PoolOrder, PowerLimit, Restart, SetPools

ASIC = Rig(7, "asic 07", "asic", 0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_action_of_a_menu_is_an_order(kind: str) -> None:
    for action in ACTIONS[kind]:  # type: ignore[index]
        order = sample(action.order)
        assert order.__struct_config__.tag == action.name


def test_what_is_no_order_is_refused() -> None:
    with pytest.raises(Invalid):
        sample("self-destruct")


def test_every_asic_logs_in_under_its_own_name() -> None:
    pools = SetPools([PoolOrder("stratum+tcp://a:1", "farm.$WORKER_NAME"), PoolOrder("stratum+tcp://b:2", "plain")])
    told = for_rig(pools, ASIC)
    assert isinstance(told, SetPools)
    assert [pool.user for pool in told.pools] == ["farm.asic-07", "plain"]
    assert for_rig(Restart(), ASIC) == Restart()


def test_what_it_means_is_said_of_one_and_of_many() -> None:
    assert consequences_of(Restart(), 1) == ("The ASIC restarts; it hashes nothing for some minutes.",)
    assert "all at once" in consequences_of(Restart(), 2)[0]
    assert consequences_of(Locate(True), 5) == ()


def test_a_target_is_named_or_counted() -> None:
    rig = Rig(8, "rig-08", "cpu-gpu", 0)
    assert [target_of(rigs) for rigs in ([ASIC], [ASIC] * 1_200, [ASIC, rig])] == ["asic 07", "1,200 ASICs", "2 rigs"]


@pytest.mark.parametrize(
    ("texts", "ids"),
    [(["1,2", "2", "3"], [1, 2, 3]), ([" 7 ", "x", "-1", "1.5", "9" * 30, "٣"], [7]), ([None, ""], [])],
)
def test_ids_as_forms_carry_them(texts: list[object], ids: list[int]) -> None:
    assert numbers(texts) == ids


def test_a_rig_offers_what_it_says_it_can() -> None:
    can = Rig(7, "a", "asic", 0, specs=asic_specs(7, supports=["power-limit", "unheard-of"]))
    assert [action.order for action in actions_of(can)] == ["power-limit"]


def test_the_words_of_a_limit_are_its_own() -> None:
    assert re.search("each draws", consequences_of(PowerLimit(1.0), 2)[0], re.IGNORECASE)
