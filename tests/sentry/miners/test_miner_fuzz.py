"""Whatever bytes come, every adapter makes a reading of them that is fit for the log."""

from __future__ import annotations

import copy
import json
import math
import re

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import FIXTURES, recorded_answers
from rigfarm.sentry.miners import adapters, interpret
from rigfarm.sentry.miners.transport import MAX_ANSWER_BYTES
from rigfarm.sentry.readings import MinerReading, WorkloadSource
from rigfarm.wire import codec
from rigfarm.wire.log import Devices, OperationalLog

NAMES = sorted(adapters())
NONSENSE = st.sampled_from(
    [
        *(None, True, 0, -1, -0.0, 511, 3.7, 1e308, -1e308, 2**64, 10**30),
        *("", "N/A", "nan", "-5", "1e308", "x\x1b[31m\u202e\ud800", "10:0", "off;off;-1;nan;1e999", "a.b.c"),
        *([], {}, [[]], {"a": {}}, [None] * 3),
    ]
)
ANYTHING = st.recursive(
    NONSENSE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)
)


def is_fit_for_the_log(reading: MinerReading) -> None:
    """What the Commander is promised, and that no adapter had to be rescued for it."""
    assert not [problem for problem in reading.problems if "adapter failed" in problem]
    assert reading.workloads
    assert len(reading.workloads) <= 8
    assert len(reading.devices) <= 128
    for workload in reading.workloads:
        assert workload.software
        assert workload.state in (None, "unreachable", "starting", "idle", "mining")
        for figure in (workload.hashrate, workload.uptime_s):
            assert figure is None or (math.isfinite(figure) and figure >= 0)
        for count in (workload.accepted, workload.rejected, workload.stale, workload.invalid):
            assert count is None or 0 <= count < 2**53
    for device in reading.devices:
        assert len(device.hashrates) == len(reading.workloads)
        assert device.id is None or re.fullmatch(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]", device.id)
        assert device.fan_percent is None or 0 <= device.fan_percent <= 100
        figures = (*device.hashrates, device.core_c, device.memory_c, device.chip_c, device.power_w, device.fan_rpm)
        for figure in (*figures, device.core_mhz, device.memory_mhz):
            assert figure is None or (math.isfinite(figure) and 0 <= figure <= 1e21)
    texts = [text for workload in reading.workloads for text in msgspec.structs.astuple(workload)]
    for text in (*texts, *(device.name for device in reading.devices)):
        assert not isinstance(text, str) or not re.search(
            r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text
        )
    log = OperationalLog(t=1, workloads=reading.workloads, devices=Devices.from_rows(reading.devices))
    assert codec.decode_log(codec.encode(log)).workloads == reading.workloads
    msgspec.json.encode(log)


def read(name: str, answers: dict[str, bytes]) -> MinerReading:
    return interpret(answers, WorkloadSource(adapter=name, port=1, coins=["A", "B"]), adapters()[name])


def cases(name: str) -> list[str]:
    """The recorded cases of a program."""
    return sorted({path.name.split(".")[0] for path in (FIXTURES / name).glob("*.*.*")})


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_random_bytes(name, data):
    requests = adapters()[name].requests
    reading = read(name, {request.name: data.draw(st.binary(max_size=200)) for request in requests})

    is_fit_for_the_log(reading)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_json(name, data):
    requests = adapters()[name].requests
    reading = read(name, {request.name: json.dumps(data.draw(ANYTHING)).encode() for request in requests})

    is_fit_for_the_log(reading)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_recorded_answer_with_nonsense_in_any_of_its_places(name, data):
    answers = recorded_answers(name, data.draw(st.sampled_from(cases(name))))
    request = data.draw(st.sampled_from(sorted(answers)))
    body = answers[request]
    for _ in range(data.draw(st.integers(1, 4))):
        body = _spoil(body, data)

    is_fit_for_the_log(read(name, {**answers, request: body}))


@pytest.mark.parametrize("name", NAMES)
def test_half_of_a_recorded_answer(name):
    answers = recorded_answers(name, "healthy")
    for request, body in answers.items():
        for end in range(0, len(body), max(1, len(body) // 40)):
            is_fit_for_the_log(read(name, {**answers, request: body[:end]}))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("missing", ["nothing", "everything"])
def test_no_answer_at_all(name, missing):
    answers = {} if missing == "everything" else {request.name: b"" for request in adapters()[name].requests}

    assert {workload.state for workload in read(name, answers).workloads} == {"unreachable"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("filler", ["{}", "[1]", '"1;1"'])
def test_the_longest_answer_with_every_list_full_is_read_within_its_bounds(name, filler):
    """No product of two lists of a hostile answer may keep the Sentry busy."""
    for request, body in recorded_answers(name, "healthy").items():
        tree = _as_json(body)
        if tree is None:
            long = body.replace(b";", b";X=1;" * (MAX_ANSWER_BYTES // len(body) // 4))
        else:
            room = MAX_ANSWER_BYTES // max(1, body.count(b"[") + 1)
            items = (filler + ",") * (room // (len(filler) + 1))
            long = json.dumps(_stretched(tree)).replace('"__LONG__"', items[:-1]).encode()[: MAX_ANSWER_BYTES * 2]
        is_fit_for_the_log(read(name, {request: long}))


def test_the_longest_strings():
    long = {"algorithm": "+".join(["a"] * 400_000), "hashrate": {"a": 1.0}, "devices": [{"id": 1}] * 5}
    is_fit_for_the_log(read("rigel", {"status": json.dumps(long).encode()}))
    rates = ";".join(["1"] * 400_000)
    claymore = {"result": ["1 - ETH", "1", "1;1;1", rates, "1;1;1", rates, rates, "p", "0"]}
    is_fit_for_the_log(read("phoenixminer", {"getstat1": json.dumps(claymore).encode()}))


def _as_json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _stretched(tree: object) -> object:
    """The tree, every list of it with a mark for many items more."""
    if isinstance(tree, list):
        return [*(_stretched(item) for item in tree), "__LONG__"]
    if isinstance(tree, dict):
        return {key: _stretched(value) for key, value in tree.items()}
    return tree


def _spoil(body: bytes, data: st.DataObject) -> bytes:
    """Nonsense in one place of a JSON answer; in one byte of any other."""
    tree = _as_json(body)
    if tree is None:
        at = data.draw(st.integers(0, len(body)))
        return body[:at] + data.draw(st.binary(max_size=3)) + body[at + data.draw(st.integers(0, 3)) :]
    paths = list(_paths(tree))
    if not paths:
        return body
    path = data.draw(st.sampled_from(paths))
    spoilt = copy.deepcopy(tree)
    place = spoilt
    for step in path[:-1]:
        place = place[step]
    if data.draw(st.booleans()):
        place[path[-1]] = data.draw(NONSENSE)
    else:
        del place[path[-1]]
    return json.dumps(spoilt).encode()


def _paths(tree: object, path: tuple = ()):
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, value in steps:
        yield (*path, step)
        yield from _paths(value, (*path, step))
