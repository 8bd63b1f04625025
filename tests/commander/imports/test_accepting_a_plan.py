"""A plan is accepted whole as it was seen, or not at all; what goes wrong on the way is told line by line."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from rigfarm.commander.addresses import AddressForm
from rigfarm.commander.changes import Actor, Change, change_under_way
from rigfarm.commander.imports import actions
from rigfarm.commander.refusals import ChangedMeanwhile, Conflict
from support.moving_in import WALLET, WALLETS, Mover, answer, flight_sheet

FILES = WALLETS, answer(flight_sheet())


async def test_a_plan_is_the_same_each_time_it_is_made(mover: Mover) -> None:
    assert (await mover.plan(*FILES)).digest == (await mover.plan(*FILES)).digest
    assert (await mover.plan(*FILES)).digest != (await mover.plan(WALLETS)).digest


async def test_nothing_is_imported_once_the_farm_is_another(mover: Mover) -> None:
    plan = await mover.plan(*FILES)
    await mover.farm.addresses.create(AddressForm("mine", "wallet", "KAS", wallet=WALLET))
    with pytest.raises(ChangedMeanwhile, match="nothing was imported"):
        await mover.accept(*FILES, plan=plan)
    assert len(mover.farm.addresses.addresses) == 1
    with pytest.raises(ChangedMeanwhile):
        await mover.accept(WALLETS, plan=plan)


async def test_a_rig_renamed_since_is_not_renamed_back(mover: Mover) -> None:
    rig, _ = await mover.farm.rigs.create("a", "asic")
    text = "miner_name,miner_rack\na,R1\n"
    plan = await mover.plan(text)
    await mover.farm.rigs.rename(rig.id, "b")
    with pytest.raises(ChangedMeanwhile):
        await mover.accept(text, plan=plan)
    assert mover.farm.rigs.get(rig.id).place == ""


async def test_what_is_refused_on_the_way_is_told_and_the_rest_is_done(
    mover: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise Conflict("No more pools.")

    create = mover.farm.addresses.create

    async def only_wallets(form: AddressForm) -> object:
        return await (create(form) if form.kind == "wallet" else refuse())

    monkeypatch.setattr(mover.farm.addresses, "create", only_wallets)
    plan = await mover.plan(*FILES)
    results = await mover.accept(*FILES)
    by_what = {plan.lines[number].what: one for number, one in results.items()}
    assert by_what["wallet"].done
    assert by_what["software"].done
    assert by_what["pool"].error == "No more pools."
    assert "This pool is no longer in the address book" in by_what["playbook"].error
    assert (await mover.plan(*FILES)).lines[0].outcome == "skip", "once more does the rest"


async def test_a_full_disk_is_told_with_the_lines_that_it_concerns(
    mover: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("database or disk is full"))

    monkeypatch.setattr(mover.farm.software, "create", full)
    results = await mover.accept(*FILES)
    assert [one.done for one in results.values()] == [True, True, False, False]
    assert "check the Commander's disk" in results[2].error


async def test_thousands_of_rigs_are_created_in_portions(mover: Mover, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "RIGS_AT_ONCE", 50)
    text = "miner_name,miner_ip,miner_rack\n" + "".join(
        f"a{n},10.0.{n // 250}.{n % 250},R{n % 7}\n" for n in range(120)
    )
    results = await mover.accept(text)
    assert len(results) == len(mover.farm.rigs.rigs) == 120
    assert len({one.token for one in results.values()}) == 120


async def test_everything_that_is_created_has_its_own_entry_in_the_activity(mover: Mover) -> None:
    with change_under_way(Change("POST /import", "10.0.0.9", Actor("session", "Kim"))):
        await mover.accept(*FILES)
    assert [(one.action, one.outcome, one.address) for one in mover.recorded] == [
        ("create address", "changed", "10.0.0.9"),
        ("create address", "changed", "10.0.0.9"),
        ("create mining software", "changed", "10.0.0.9"),
        ("create playbook", "changed", "10.0.0.9"),
    ]
    assert list(mover.recorded[-1].targets["playbook"].values()) == ["Kaspa"]
