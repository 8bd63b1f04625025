"""Files that no product writes: they are refused in words, and create nothing."""

from __future__ import annotations

import contextlib
import json

import pytest

from rigfarm.commander.imports.planning import plan as planning
from rigfarm.commander.imports.sources import text_of
from rigfarm.commander.playbooks.content.placeholders import values_for
from rigfarm.commander.refusals import Invalid, Refusal
from rigfarm.wire.template import render
from support.moving_in import WALLET, WALLETS, Mover, answer, flight_sheet


@pytest.mark.parametrize(
    "text",
    [
        "", " \n", "{", "[", "null", "{}", "[]", '{"data": null}', '{"data": {}}', '{"data": []}', "[1, 2, 3]", "[[]]",
        '{"data": ' + "[" * 100_000 + "]" * 100_000 + "}", '{"a":' * 50_000 + "1" + "}" * 50_000, "[" * 200_000,
        '{"data": [{"items": ' + "[" * 50_000 + "]" * 50_000 + "}]}", '{"groupList": 5}',
        '{"groupList": [{"minerList": [5]}]}',
        '{"groupList": [{"minerList": [{"name": ' + "[" * 50_000 + "]" * 50_000 + "}]}]}",
        "a\0b,c\nd,e", '"never closed', "x" * 200_000 + ",b\n1,2\n", ",,,,\n,,,\n", "miner_mac\n", '[{"wal": {}}]',
        "9" * 5000,
    ],
)  # fmt: skip
async def test_what_is_no_file_of_any_product_creates_nothing(mover: Mover, text: str) -> None:
    steps = {}
    with contextlib.suppress(Refusal):
        steps = (await mover.plan(*([text] if text.strip() else []))).steps
    assert steps == {}


@pytest.mark.parametrize(
    "value",
    [None, True, -1, 1e308, 10**30, "", "\u202egnimocni", "a\tb\nc", "x" * 30_000, "\ud83d\ude80", "${CPU_POOL}",
     "{{7*7}}",
     "<script>alert(1)</script>", [], {}, ["\0"], "-x", "--config=/etc/passwd", "%WAL%", "$(reboot)", "`id`"],
)  # fmt: skip
async def test_any_value_in_any_place_is_planned_or_refused(mover: Mover, value: object) -> None:
    for field in ("id", "name", "wal", "coin"):
        await mover.plan(answer({"id": 77, "name": "Main", "wal": WALLET, "coin": "KAS"} | {field: value}))
    for field in ("coin", "pool", "pool_ssl", "pool_urls", "wal_id", "miner", "miner_alt", "email", "miner_config"):
        await mover.plan(WALLETS, answer(flight_sheet(**{field: value}) if field != "miner_config" else _bare(value)))
    for field in ("url", "algo", "pass", "template", "ver", "user_config", "tls", "server", "port"):
        plan = await mover.plan(WALLETS, answer(flight_sheet(config={field: value})))
        for line in plan.lines:
            assert line.name.isprintable()
    for field in ("name", "platform", "ip_addresses", "tag_ids", "hardware_info"):
        worker = {"name": "r", "platform": 1, "ip_addresses": ["10.0.0.1"], "tag_ids": [1]} | {field: value}
        await mover.plan(answer(worker))


def _bare(value: object) -> dict[str, object]:
    sheet = flight_sheet()
    sheet["items"][0]["miner_config"] = value
    return sheet


async def test_a_key_that_is_there_twice_means_what_the_plan_shows(mover: Mover) -> None:
    text = '{"data": [{"id": 1, "wal": "first", "wal": "second", "coin": "BTC", "name": "w"}]}'
    plan = await mover.plan(text)
    assert plan.lines[0].detail == "BTC · second"
    await mover.accept(text)
    assert [one.wallet for one in mover.farm.addresses.listed()] == ["second"]


async def test_no_value_of_a_file_becomes_a_second_argument_or_an_option(mover: Mover) -> None:
    await mover.accept(WALLETS, answer(flight_sheet(config={"template": "a' --evil 'b; reboot $(x)"})))
    [playbook] = mover.farm.playbooks.playbooks.values()
    arguments = render(playbook.content.template, values_for(playbook.content, "r", {}))
    assert "a' --evil 'b; reboot $(x)" in arguments
    assert "--evil" not in arguments


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
async def test_a_spreadsheets_encoding_does_not_matter(mover: Mover, encoding: str) -> None:
    text = "miner_name;miner_ip\nHalle Süd;10.0.0.1\n"
    bom = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    found, note = text_of(bom + text.encode(encoding))
    assert (await mover.plan(found)).lines[0].name == "Halle Süd"
    assert bool(note) == (encoding == "cp1252")


@pytest.mark.parametrize("data", [b"\x81\x8d", b"PK\x03\x04\0\0\x80", b"\xff\xfe\x00", b"\x89PNG\r\n\x1a\n\0"])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid, match="not a text file"):
        text_of(data)


async def test_too_much_at_once_is_refused(mover: Mover, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match="At most 20000 entries"):
        await mover.plan("[" + ",".join(["1"] * 20_001) + "]")
    with pytest.raises(Invalid, match="At most 8 files"):
        await mover.plan(*[WALLETS] * 9)
    monkeypatch.setattr(planning, "MAX_ENTRIES", 2)
    monkeypatch.setattr(planning, "MAX_RIGS", 2)
    with pytest.raises(Invalid, match="At most 2 wallets and flight sheets"):
        await mover.plan(answer(*({"id": n, "wal": f"w{n}", "coin": "X"} for n in range(3))))
    with pytest.raises(Invalid, match="At most 2 rigs"):
        await mover.plan("miner_name\na\nb\nc\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name\n" + "a\n" * 20_001 + "x" * 200_000, "At most 20000 rows"),
        ("name" + "," * 1_000_001, "At most 1000000 cells"),
        ("[" + "0," * 500_001 + "0]", "At most 500000 values"),
        ("{" + ",".join(f'"{n}":0' for n in range(500_002)) + "}", "At most 500000 values"),
        (answer({"wal": WALLET, "coin": "KAS", "name": "x" * 300_000}), "nothing to import"),
    ],
    ids=["rows", "cells", "values of a list", "values of an object", "an entry"],
)
async def test_what_is_many_times_its_bytes_is_refused_before_it_is_read(mover: Mover, text: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        await mover.plan(text)


async def test_of_a_worker_only_the_first_addresses_and_tags_are_read(mover: Mover) -> None:
    many = ["x"] * 100
    tag = {"id": 7, "name": "hot", "color": 1}
    worker = {"name": "r", "platform": 1, "ip_addresses": [*many, "10.0.0.1"], "tag_ids": [*many, 7]}
    worker["hardware_info"] = {"net_interfaces": [{"mac": "x"}] * 100 + [{"mac": "02:00:00:00:00:01"}]}
    [line] = (await mover.plan(answer(tag, worker))).lines
    assert line.detail == "CPU/GPU rig"


async def test_files_of_two_products_are_not_mixed(mover: Mover) -> None:
    with pytest.raises(Invalid, match="files of Foreman and HiveOS"):
        await mover.plan(WALLETS, "miner_name\na\n")


async def test_entries_that_are_nothing_known_are_counted(mover: Mover) -> None:
    plan = await mover.plan(json.dumps([{"wal": "x", "coin": "BTC"}, {"colour": 1}, 5]))
    assert plan.notes[0] == "2 entries of the files not understood."
