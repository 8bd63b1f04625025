"""Coming from HiveOS: what becomes an address, a playbook or a rig, and what is said of the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from rigfarm.commander.imports.sources.miners import known_miners
from rigfarm.commander.mining_software.catalogue.catalogue import program
from rigfarm.commander.playbooks.content.placeholders import values_for
from rigfarm.wire.template import render
from support.moving_in import WALLET, WALLETS, Mover, answer, flight_sheet, said


async def test_a_farm_moves_in_with_its_wallets_and_flight_sheets(mover: Mover) -> None:
    files = WALLETS, answer(flight_sheet())
    plan = await mover.plan(*files)
    assert said(plan.lines) == [
        ("wallet", "Main"), ("pool", "herominers KAS"), ("software", "lolMiner unknown-version"), ("playbook", "Kaspa"),
    ]  # fmt: skip
    assert {line.outcome for line in plan.lines} == {"create"}
    farm = mover.farm
    there = [farm.addresses.addresses, farm.software.software, farm.playbooks.playbooks]
    assert there == [{}, {}, {}], "it is only a plan"

    results = await mover.accept(*files, plan=plan)
    assert all(one.done and not one.error for one in results.values())
    [playbook] = farm.playbooks.playbooks.values()
    [workload] = playbook.content.workloads
    assert workload.pool is not None
    assert workload.pool.urls == [
        "stratum+tcp://de.kaspa.herominers.com:1206", "stratum+tcp://fi.kaspa.herominers.com:1206",
    ]  # fmt: skip
    arguments = render(playbook.content.template, values_for(playbook.content, "rig-01", {}))
    assert arguments == [
        "--algo", "kheavyhash",
        "--pool", "de.kaspa.herominers.com:1206", "--tls", "off", "--user", f"{WALLET}.rig-01", "--pass", "x",
        "--pool", "fi.kaspa.herominers.com:1206", "--tls", "off", "--user", f"{WALLET}.rig-01", "--pass", "x",
        "--nocolor",
    ]  # fmt: skip


async def test_importing_the_same_again_creates_nothing(mover: Mover) -> None:
    files = WALLETS, answer(flight_sheet())
    await mover.accept(*files)
    again = await mover.plan(*files)
    assert again.steps == {}
    assert {line.outcome for line in again.lines} == {"skip"}
    assert "Already there as Kaspa." in [line.why for line in again.lines]
    assert len(mover.farm.addresses.addresses) == 2


async def test_another_playbook_of_that_name_is_left_alone(mover: Mover) -> None:
    await mover.accept(WALLETS, answer(flight_sheet()))
    other = answer(flight_sheet(config={"user_config": "--devices 0,1"}))
    await mover.accept(WALLETS, other)
    assert sorted(one.name for one in mover.farm.playbooks.playbooks.values()) == ["Kaspa", "Kaspa-2"]


@pytest.mark.parametrize("hive", sorted(known_miners()))
async def test_every_program_that_is_mapped_makes_a_playbook(mover: Mover, hive: str) -> None:
    miner = known_miners()[hive]
    known = program(miner.program)
    assert known is not None
    plan = await mover.plan(WALLETS, answer(flight_sheet(miner=hive, config={"ver": "1.2.3"})))
    assert [line.why for line in plan.lines if line.outcome == "refuse"] == []
    await mover.accept(WALLETS, answer(flight_sheet(miner=hive, config={"ver": "1.2.3"})))
    [playbook] = mover.farm.playbooks.playbooks.values()
    arguments = render(playbook.content.template, values_for(playbook.content, "rig-01", {}))
    assert f"{WALLET}.rig-01" in arguments, "the login reaches the pool as HiveOS sent it"
    assert (playbook.content.software.version, playbook.content.software.adapter) == ("1.2.3", known.adapter)


@pytest.mark.parametrize(
    ("changes", "arguments"),
    [
        ({"config": {"template": "solo:%WAL%/%EMAIL%"}, "email": "a@b.test"}, f"solo:{WALLET}/a@b.test"),
        ({"config": {"template": "account.%WORKER_NAME%"}, "wal_id": None}, "account.rig-01"),
        ({"config": {"template": "%WAL%", "worker": "%WORKER_NAME%"}}, f"{WALLET}.rig-01"),
        ({"config": {"template": "two words $5"}}, "two words $5"),
        ({"config": {"pass": "c=KAS,d=100"}}, "c=KAS,d=100"),
        ({"config": {"user_config": "--note '%COIN% it''s'"}}, "KAS its"),
        ({"config": {"user_config": "--proxy %URL_HOST%:%URL_PORT%"}}, "de.kaspa.herominers.com:1206"),
    ],
)  # fmt: skip
async def test_variables_of_hiveos_become_placeholders(mover: Mover, changes: dict[str, Any], arguments: str) -> None:
    await mover.accept(WALLETS, answer(flight_sheet(**changes)))
    [playbook] = mover.farm.playbooks.playbooks.values()
    assert arguments in render(playbook.content.template, values_for(playbook.content, "rig-01", {}))


@pytest.mark.parametrize(
    ("changes", "urls"),
    [
        ({"config": {"url": "stratum+tcp://%URL%"}}, ["stratum+tcp://de.kaspa.herominers.com:1206", "stratum+tcp://fi.kaspa.herominers.com:1206"]),
        ({"pool_ssl": True, "pool_urls": ["a.test:1"]}, ["stratum+ssl://a.test:1"]),
        ({"pool_urls": ["a.test:1"], "config": {"tls": True}}, ["stratum+ssl://a.test:1"]),
        ({"pool_urls": ["a.test:1"], "config": {"tls": "1"}}, ["stratum+ssl://a.test:1"]),
        ({"pool_urls": None, "config": {"url": "a.test:1, b.test:2"}}, ["stratum+tcp://a.test:1", "stratum+tcp://b.test:2"]),
        ({"config": {"url": "", "server": "a.test", "port": "99"}}, ["stratum+tcp://a.test:99"]),
        ({"pool_urls": ["c.test:7"], "config": {"url": "", "server": "%URL_HOST%", "port": "%URL_PORT%"}}, ["stratum+tcp://c.test:7"]),
    ],
)  # fmt: skip
async def test_a_pool_is_found_wherever_a_flight_sheet_has_it(
    mover: Mover, changes: dict[str, Any], urls: list[str]
) -> None:
    await mover.accept(WALLETS, answer(flight_sheet(**changes)))
    assert [one.urls for one in mover.farm.addresses.listed("pool")] == [urls]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"miner": "nbminer"}, "Rigfarm has no template for nbminer"),
        ({"miner": "custom", "miner_alt": "keryx-miner"}, "It runs a custom program keryx-miner"),
        ({"miner": "asicminer"}, "It is for ASICs"),
        ({"miner": None}, "Rigfarm has no template for an unnamed program"),
        ({"dcoin": "ZIL"}, "It mines two coins at once"),
        ({"config": {"algo2": "sha512_256d"}}, "It mines two coins at once"),
        ({"config": {"algo": ""}}, "It names no algorithm, which lolMiner needs"),
        ({"pool_urls": []}, "The file has no URL of its pool"),
        ({"config": {"template": "%WAL%.%RIG_ID%"}}, "It uses %RIG_ID%"),
        ({"config": {"template": "%WAL%/%EMAIL%"}}, "It uses %EMAIL%"),
        ({"wal_id": 78}, "Its wallet 78 isn't in the files"),
        ({"coin": "NICEHASH-KHEAVYHASH-LONG"}, "Enter the coin's ticker"),
        ({"pool_urls": ["a b"]}, "Its pool can't be used"),
        ({"pool_urls": ["http://u:p@a.test:1"]}, "Its pool can't be used: Don't put credentials in the URL"),
        ({"config": {"user_config": "--x 'never closed"}}, "opens a quotation mark and never closes it"),
        ({"config": {"algo": "-rf /"}}, "Enter the algorithm as the mining program calls it"),
        ({"pool_urls": "a.test:1"}, "It isn't as HiveOS writes it"),
    ],
)  # fmt: skip
async def test_what_cannot_be_translated_says_why_and_the_rest_is_imported(
    mover: Mover, changes: dict[str, Any], says: str
) -> None:
    plan = await mover.plan(WALLETS, answer(flight_sheet("Other", **changes), flight_sheet("Good")))
    [refused] = [line for line in plan.lines if line.outcome == "refuse"]
    assert (refused.name, refused.what) == ("Other", "playbook")
    assert says in refused.why
    assert ("playbook", "Good") in said(plan.lines, "create")


@pytest.mark.parametrize(
    ("changes", "warns"),
    [
        ({"config": {"pass": "hunter2"}}, "Its pool password isn't imported"),
        ({"config": {"user_config": "--apiport 4444"}}, "about statistics or a watchdog"),
        ({"pool_urls": [f"p{n}.test:1" for n in range(12)]}, "Only the first 8 of its pool's URLs"),
        ({"miner": "xmrig", "config": {"user_config": '"huge-pages": true'}}, "Its extra settings are JSON"),
    ],
)
async def test_what_is_left_out_of_a_flight_sheet_is_said(mover: Mover, changes: dict[str, Any], warns: str) -> None:
    plan = await mover.plan(WALLETS, answer(flight_sheet(**changes)))
    [playbook] = [line for line in plan.lines if line.what == "playbook"]
    assert any(warns in one for one in playbook.warnings), playbook.warnings
    assert "hunter2" not in repr(plan)


async def test_the_version_that_a_farm_has_is_used(mover: Mover) -> None:
    known = program("lolMiner")
    assert known is not None
    await mover.farm.software.create(replace(known.form(), version="1.97"))
    plan = await mover.plan(WALLETS, answer(flight_sheet(config={"ver": "1.88"})))
    assert said(plan.lines, "create") == [("wallet", "Main"), ("pool", "herominers KAS"), ("playbook", "Kaspa")]
    assert plan.lines[-1].warnings == ["It ran lolMiner 1.88, and would run 1.97, which you have."]


async def test_each_program_of_a_flight_sheet_is_a_playbook(mover: Mover) -> None:
    both = flight_sheet("Both")
    both["items"] += flight_sheet(miner="xmrig", coin="KAS", config={"algo": "rx/0"})["items"]
    plan = await mover.plan(WALLETS, answer(both))
    assert [line.name for line in plan.lines if line.what == "playbook"] == ["Both (lolminer)", "Both (xmrig)"]
    assert [line.what for line in plan.lines].count("pool") == 1, "both mine at one pool"


async def test_an_exported_flight_sheet_alone_is_understood(mover: Mover) -> None:
    sheet = {"name": "pearl", "isFavorite": False, **flight_sheet("x", wal_id=None, config={"template": "me"})}
    plan = await mover.plan(json.dumps(sheet))
    assert plan.source == "hiveos"
    assert said(plan.lines)[-1] == ("playbook", "x")


async def test_workers_become_rigs_with_their_tags(mover: Mover) -> None:
    workers = answer(
        {"id": 1, "name": "GPU 01", "platform": 1, "ip_addresses": ["10.0.0.5", "10.8.0.5"], "tag_ids": [3],
         "password": "s3cret", "flight_sheet": {"id": 5, "name": "Kaspa"}, "stats": {"online": True}},
        {"id": 2, "name": "S19", "platform": 2, "ip_addresses": ["10.0.0.6"], "tag_ids": [9],
         "hardware_info": {"net_interfaces": [{"iface": "eth0", "mac": "70:85:C2:4E:82:E4"}]}},
    )  # fmt: skip
    tags = answer({"id": 3, "name": "Hall 2", "color": 5, "user_id": 1})
    plan = await mover.plan(workers, tags)
    assert [(line.name, line.detail) for line in plan.lines] == [
        ("GPU 01", "CPU/GPU rig · 10.0.0.5 · Hall-2"), ("S19", "ASIC · 10.0.0.6"),
    ]  # fmt: skip
    assert plan.lines[1].warnings == ["Its tags aren't in the files: add the answer of /tags."]
    assert "s3cret" not in repr(plan)
    results = await mover.accept(workers, tags)
    assert all(one.token.startswith("rf_") for one in results.values())
    assert [(rig.kind, rig.tags) for rig in mover.farm.rigs.rigs.values()] == [("cpu-gpu", ("Hall-2",)), ("asic", ())]
