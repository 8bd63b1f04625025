"""Coming from Foreman and Awesome Miner: rigs that are there get their names, places and tags; others are created."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from rigfarm.commander.imports.view import tokens
from rigfarm.commander.refusals import Invalid
from rigfarm.wire.specs import Specs
from support.moving_in import Mover

FOREMAN = """id,miner_name,miner_ip,miner_mac,miner_serial,miner_rack_group,miner_rack,miner_row,miner_index,pickaxe
1,C260-R008-1-2,10.1.8.2,c0:a3:6e:01:02:03,SN1,C260,R008,1,2,site
2,,10.1.8.3,C0A36E010204,SN2,C260,R008,1,3,site
"""
ON_BOARDING = """mac,serial,rack,row,index,name,static_ip,netmask,hostname,pool_1_url,pool_1_user,pool_1_pass,tags
c0:a3:6e:01:02:03,SN1,R1,1,2,${miner.ip},10.0.0.7,255.0.0.0,a7,stratum+tcp://p.test:1,me,secret,"one, two words"
"""
AWESOME = """Name;Hostname;Type;Group;Pool
ASIC 1;10.0.0.11:4028;External Miner;Hall A;stratum+tcp://p.test:1
Rig 2;10.0.0.12;Managed Miner;Hall B;
"""


async def test_a_foreman_export_becomes_names_and_places(mover: Mover) -> None:
    plan = await mover.plan(FOREMAN)
    assert plan.source == "foreman"
    assert [(line.name, line.detail) for line in plan.lines] == [
        ("C260-R008-1-2", "ASIC · 10.1.8.2 · C260/R008/row 1/index 2"),
        ("10.1.8.3", "ASIC · 10.1.8.3 · C260/R008/row 1/index 3"),
    ]
    assert plan.notes[0] == "Columns that aren't imported: id, miner_serial, pickaxe."
    results = await mover.accept(FOREMAN)
    assert tokens(plan, results).asics.splitlines()[1].startswith("10.1.8.2,C260-R008-1-2,rf_")
    assert [rig.place for rig in mover.farm.rigs.rigs.values()] == [
        "C260/R008/row 1/index 2", "C260/R008/row 1/index 3",
    ]  # fmt: skip


async def test_a_rig_that_reports_is_known_by_its_mac_and_keeps_its_token(mover: Mover) -> None:
    (rig, _), (other, _) = await mover.farm.rigs.create_all([("antminer-1", "asic"), ("10.1.8.3", "asic")])
    seen = replace(rig, specs=Specs(sentry_version="1", mac="C0:A3:6E:01:02:03"))
    mover.farm.rigs.rigs[rig.id] = seen
    plan = await mover.plan(FOREMAN)
    assert [(line.outcome, line.name) for line in plan.lines] == [("change", "antminer-1"), ("change", "10.1.8.3")]
    assert plan.lines[0].detail == "name antminer-1 → C260-R008-1-2; place none → C260/R008/row 1/index 2"
    results = await mover.accept(FOREMAN)
    assert all(one.done and not one.token for one in results.values())
    assert mover.farm.rigs.get(rig.id).name == "C260-R008-1-2"
    assert mover.farm.rigs.get(other.id).place == "C260/R008/row 1/index 3"
    assert (await mover.plan(FOREMAN)).steps == {}, "a second time changes nothing"


async def test_only_rigs_that_are_there_can_be_asked_for(mover: Mover) -> None:
    plan = await mover.plan(FOREMAN, new_rigs=False)
    assert plan.steps == {}
    assert {line.outcome for line in plan.lines} == {"skip"}


async def test_passwords_of_an_on_boarding_file_are_not_imported(mover: Mover) -> None:
    plan = await mover.plan(ON_BOARDING)
    assert [(line.name, line.detail) for line in plan.lines] == [
        ("a7", "ASIC · 10.0.0.7 · R1/row 1/index 2 · one, two-words")
    ]
    assert plan.lines[0].warnings == ["Its name in the file is a pattern, which isn't filled in."]
    assert "The file contains passwords. They are not imported; delete it when you are done." in plan.notes
    assert "secret" not in repr(plan)


async def test_a_list_of_awesome_miner_becomes_rigs_of_both_kinds(mover: Mover) -> None:
    plan = await mover.plan(AWESOME)
    assert plan.source == "awesome-miner"
    assert [(line.name, line.detail) for line in plan.lines] == [
        ("ASIC 1", "ASIC · 10.0.0.11 · Hall-A"), ("Rig 2", "CPU/GPU rig · 10.0.0.12 · Hall-B"),
    ]  # fmt: skip
    results = await mover.accept(AWESOME)
    made = tokens(plan, results)
    assert made.computers.splitlines()[0] == "name,token"
    assert made.asics.splitlines()[0] == "ip,name,token"


async def test_the_answer_of_awesome_miners_api_is_read(mover: Mover) -> None:
    miner = {
        "id": 4,
        "name": "S19 #4",
        "hostname": "10.0.0.4:4028",
        "hasAsic": True,
        "hasGpu": False,
        "temperature": "60",
    }
    answer = {"totalHashrate5s": "1 TH/s", "groupList": [{"id": 1, "name": "Hall A", "minerList": [miner]}]}
    plan = await mover.plan(json.dumps(answer))
    assert [(line.name, line.detail) for line in plan.lines] == [("S19 #4", "ASIC · 10.0.0.4 · Hall-A")]


async def test_the_same_machine_twice_is_created_once(mover: Mover) -> None:
    plan = await mover.plan("name,miner_ip\na,10.0.0.1\nb,10.0.0.1\na,10.0.0.2\n")
    assert [(line.outcome, line.name, line.why) for line in plan.lines] == [
        ("create", "a", ""), ("refuse", "b", "It is the same as row 2."), ("create", "a-2", ""),
    ]  # fmt: skip


async def test_a_row_for_a_rig_of_another_kind_is_refused(mover: Mover) -> None:
    await mover.farm.rigs.create("a", "cpu-gpu")
    plan = await mover.plan("name,miner_ip\na,10.0.0.1\n")
    assert [line.why for line in plan.lines] == ["a is a CPU/GPU rig here."]


async def test_a_table_whose_columns_are_of_no_product_needs_a_choice(mover: Mover) -> None:
    text = "name,ip\nx,10.0.0.1\n"
    with pytest.raises(Invalid, match="choose the product"):
        await mover.plan(text)
    assert (await mover.plan(text, source="foreman")).lines[0].name == "x"
    assert (await mover.plan(text, source="awesome-miner")).lines[0].name == "x"
    with pytest.raises(Invalid, match="at least one of"):
        await mover.plan("colour\nred\n", source="foreman")


async def test_a_spreadsheets_marks_and_formulas_stay_text(mover: Mover) -> None:
    plan = await mover.plan("miner_name,miner_ip\n\"'=1+1\",10.0.0.1\n=cmd|' /C calc'!A0,10.0.0.2\n")
    assert [line.name for line in plan.lines] == ["=1+1", "=cmd|' /C calc'!A0"]
    made = tokens(plan, await mover.accept("miner_name,miner_ip\n\"'=1+1\",10.0.0.1\n=cmd|' /C calc'!A0,10.0.0.2\n"))
    assert ",'=1+1," in made.asics, "no spreadsheet that opens the tokens runs a formula"
