"""Answers that programs write wrongly: what is whole counts, and a program that answers is not dead."""

from __future__ import annotations

import json

import msgspec
import pytest

from conftest import recorded_answers
from rigfarm.sentry.miners import adapters, interpret
from rigfarm.sentry.miners.damaged import salvage
from rigfarm.sentry.readings import MinerReading, WorkloadSource

NAMES = sorted(adapters())
JSON = [name for name in NAMES if name != "cpuminer"]


def read(name: str, answers: dict[str, bytes]) -> MinerReading:
    return interpret(answers, WorkloadSource(adapter=name, port=1), adapters()[name])


@pytest.mark.parametrize(
    ("data", "tree", "damage"),
    [
        (b'{"a": 1, "b": [1, 2', {"a": 1, "b": [1]}, "cut off"),
        (b'{"a": 1, "b": {"c": "x', {"a": 1, "b": {}}, "cut off"),
        (b'{"a": 1, "b"', {"a": 1}, "cut off"),
        (b'{"Worker": 004, "b": 1}', {"Worker": "004", "b": 1}, "not valid JSON"),
        (b'{"a": "x\x01\ty", "b": 1}', {"a": "x\x01\ty", "b": 1}, "not valid JSON"),
        (b'{"a": nan, "b": [-nan(ind), inf]}', {"a": None, "b": [None, None]}, "not valid JSON"),
        (b'{"a": 1.#QNAN, "b": -1.#IND, "c": 1}', {"a": None, "b": None, "c": 1}, "not valid JSON"),
        (b'{"miner": 1}\n{"devices": 2}\n{"miner": 3}', {"miner": 1, "devices": 2}, "not valid JSON"),
        (b'{"DEVS": [{"GPU": 0}{"GPU": 1}]}', {"DEVS": [{"GPU": 0}, {"GPU": 1}]}, "not valid JSON"),
        (b'{"rates": [1,,3,], "b": 1,}', {"rates": [1, None, 3], "b": 1}, "not valid JSON"),
        (b'{"a": 12,5, "b": 1,25}', {"a": 12.5, "b": 1.25}, "not valid JSON"),
        (b'{"power": , "b": N/A, "c": 2}', {"power": None, "b": None, "c": 2}, "not valid JSON"),
        (b'{"BYE", "id": 1}', {"id": 1}, "not valid JSON"),
        (b"{'a': 'b', c: RTX 3080}", {"a": "b", "c": "RTX 3080"}, "not valid JSON"),
        (b'{"path": "C:\\miner\\x"}', {"path": "C:\\miner\\x"}, ""),
        (b'\xef\xbb\xbf{"a": 1}\0', {"a": 1}, ""),
        (b'{"a": 1}trailing', {"a": 1}, "not valid JSON"),
        (b"hello", None, ""),
    ],
)
def test_what_is_whole_is_read(data: bytes, tree: object, damage: str) -> None:
    found = salvage(data)
    assert (found.tree, found.damage) == (tree, damage)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 10**6,
        b"[0" + b",0" * 500_000,
        b'{"a":' * 200_000,
        b'["' + b"\\" * 10**6,
        b"{" + b'"a"' * 300_000,
        b'"' * 10**6,
    ],
)
def test_hostile_text_is_read_to_its_bounds(data: bytes) -> None:
    assert salvage(data).damage in ("cut off", "")


@pytest.mark.parametrize("name", JSON)
@pytest.mark.parametrize("wrong", ["leading zero", "control character", "two objects", "trailing comma", "bare nan"])
def test_a_wrong_character_costs_no_reading(name: str, wrong: str) -> None:
    answers = recorded_answers(name, "healthy")
    first = adapters()[name].requests[0].name
    whole = read(name, answers)
    object_ = b'{"extra": %s, ' % {"leading zero": b"004", "bare nan": b"nan", "control character": b'"\x02"'}.get(
        wrong, b"0"
    )
    body = answers[first].strip().removesuffix(b"\0")
    broken = body.replace(b"{", object_, 1)
    if wrong == "two objects":
        broken += b'\n{"status": "ok"}'
    elif wrong == "trailing comma":
        broken = broken[: broken.rindex(b"}")] + b",}"
    reading = read(name, {**answers, first: broken})

    assert (reading.workloads, reading.devices) == (whole.workloads, whole.devices)
    assert len(reading.problems) == 1


@pytest.mark.parametrize("name", NAMES)
def test_wherever_an_answer_is_cut_the_program_is_not_dead_and_no_figure_is_made_up(name: str) -> None:
    answers = recorded_answers(name, "healthy")
    whole = read(name, answers)
    first = adapters()[name].requests[0].name
    body = answers[first]
    for end in range(1, len(body), max(1, len(body) // 60)):
        reading = read(name, {**answers, first: body[:end]})
        for work in reading.workloads:
            assert work.state in ("mining", None), (end, work)
            # 51990.1 is SRBMiner's average over a minute, told before the rates of its devices.
            assert work.hashrate in (None, 51990.1, *(whole_work.hashrate for whole_work in whole.workloads))
            assert work.accepted in (None, *(whole_work.accepted for whole_work in whole.workloads))


def test_what_was_not_read_is_said() -> None:
    body = json.dumps({"hashrate": {"total": [12930.96, 12925.4, None]}, "uptime": 812}).encode()[:-20]
    reading = read("xmrig", {"summary": body})

    assert reading.problems == ["XMRig on port 1: its answer is cut off; what could not be read is unknown"]
    assert reading.workloads[0].hashrate == 12930.96


def test_an_answer_that_is_not_the_programs_is_unknown_not_unreachable() -> None:
    reading = read("xmrig", {"summary": b"<html>busy</html>"})

    assert [(work.state, work.hashrate) for work in reading.workloads] == [(None, None)]
    assert msgspec.json.encode(reading)


@pytest.mark.parametrize("total", ["nan", "-nan(ind)", "-1", "1e308", '"N/A"', "null"])
def test_a_total_that_is_no_hashrate_is_unknown_and_not_a_program_that_never_hashed(total: str) -> None:
    body = f'{{"uptime": 5000, "algorithm": "x", "accepted_count": 40, "hashrate": {total}, "gpus": []}}'
    (work,) = read("trex", {"summary": body.encode()}).workloads
    assert (work.hashrate, work.accepted, work.state) == (None, 40, None)


def test_a_program_without_shares_that_never_told_a_hashrate_is_one() -> None:
    (work,) = read("xmrig", {"summary": b'{"uptime": 5000, "hashrate": {"total": [null, null, null]}}'}).workloads
    assert (work.hashrate, work.state) == (None, "starting")


def test_a_total_of_zero_of_cards_that_hash_is_their_sum() -> None:
    page = {"algos": [{"name": "x", "total_hashrate": 0, "hashrates": [1.5, 2.5]}], "devices": [{"id": 0}, {"id": 1}]}
    (work,) = read("onezerominer", {"status": json.dumps(page).encode()}).workloads
    assert (work.hashrate, work.state) == (4.0, "mining")


def test_a_text_without_a_number_for_the_hashrate() -> None:
    (work,) = read("cpuminer", {"summary": b"NAME=c;VER=1;ALGO=x;KHS=nan;ACC=5;REJ=0;UPTIME=990|"}).workloads
    assert (work.hashrate, work.accepted, work.state) == (None, 5, None)
