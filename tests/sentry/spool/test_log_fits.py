"""Whatever a mining program or a device says, a log of it is one that the Commander takes: at worst a smaller one."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sentry_helpers import QUICK, FakePart, running

from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.readings import MinerReading, SensorReading
from rigfarm.sentry.rig.collect import join
from rigfarm.sentry.spool.fit import fitting
from rigfarm.wire.codec import MAX_LOG_BYTES, decode_log
from rigfarm.wire.limits import MAX_DEVICES, MAX_WORKLOADS
from rigfarm.wire.log import Device, Devices, OperationalLog, Pool, Workload
from support.toy_commander import ToyCommander
from support.until import until

T = 1_800_000_000_000
texts = st.sampled_from(["", "x" * 100_000, "\0\x1b[2J\u202e", "\ud800", "\U0001f525" * 9_000]) | st.text(max_size=40)
floats = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.just(10**400)
counts = st.none() | st.sampled_from([0, -1, 2**53, 2**63, 2**64, 10**400]) | st.integers()
workloads = st.builds(
    Workload, software=texts, coin=texts, hashrate=floats, accepted=counts, pool=texts, wallet=texts, playbook=counts
)
devices = st.builds(
    Device,
    kind=st.sampled_from(["cpu", "gpu", "hashboard"]),
    index=st.sampled_from([0, -1, 65_536, 2**70]) | st.integers(0, 9),
    id=texts,
    name=texts,
    hashrates=st.lists(floats, max_size=3),
    core_c=floats,
    chips=counts,
)
logs = st.builds(
    OperationalLog,
    t=st.just(T),
    uptime_s=floats,
    power_w=floats,
    lan_ip=texts,
    workloads=st.lists(workloads, max_size=4) | st.lists(workloads, min_size=1, max_size=1).map(lambda one: one * 999),
    devices=(
        st.lists(devices, max_size=4) | st.lists(devices, min_size=1, max_size=1).map(lambda one: one * 2_000)
    ).map(Devices.from_rows),
    fans=st.lists(floats, max_size=5) | st.just([1.0] * 100_000),
    pools=st.lists(st.builds(Pool, url=texts, user=texts, accepted=counts), max_size=30),
    messages=st.lists(texts, max_size=5) | st.just(["y" * 500] * 10_000),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(logs)
def test_any_log_is_one_that_can_be_sent(log: OperationalLog) -> None:
    data = fitting(log)
    assert data is not None
    assert len(data) <= MAX_LOG_BYTES
    sent = decode_log(data)
    assert sent.t == T


def test_sixteen_strange_programs_cost_names_before_figures() -> None:
    """Their devices are in no sensor, and all have long names: the rig would never be heard of again."""
    programs = [
        MinerReading(
            workloads=[Workload("z" * 128, hashrate=float(n), wallet="w" * 256, state="mining")],
            devices=[Device("gpu", i, name="\U0001f525" * 128, hashrates=[5.0], power_w=100.0) for i in range(128)],
            problems=["p" * 500],
        )
        for n in range(16)
    ]
    log = join(SensorReading(), programs, T)
    data = fitting(log)
    assert data is not None
    sent = decode_log(data)
    assert [one.hashrate for one in sent.workloads] == [float(n) for n in range(16)]
    assert len(sent.devices.kinds) == MAX_DEVICES  # each program may mean cards of its own
    assert sent.devices.power_w == [100.0] * MAX_DEVICES
    assert "names of devices" in sent.messages[0]


HALF = "\ud800"
"""Half of a surrogate pair, which no encoding takes."""
WHOLE = OperationalLog(
    T, 9.0, 100.0, "192.0.2.1", "203.0.113.1", [Workload("xmrig", "6", "XMR", "rx/0", 5.0, wallet="w", state="mining")],
    Devices.from_rows([Device("gpu", 0, id="0000:01:00.0", name="card", core_c=60.0)]), [1200.0], [Pool("p.example:1")],
    ["It complains."],
)  # fmt: skip
BARE = [Workload(coin="XMR", hashrate=5.0, state="mining")]


@pytest.mark.parametrize(
    ("broken", "left"),
    [
        ({}, {}),
        (
            {"messages": [HALF]},
            {"devices": replace(WHOLE.devices, names=[], ids=[]), "messages": ["names of devices and messages"]},
        ),
        (
            {"devices": replace(WHOLE.devices, names=[HALF])},
            {"devices": replace(WHOLE.devices, names=[], ids=[]), "messages": ["names of devices and messages"]},
        ),
        (
            {"pools": [Pool(HALF)]},
            {"devices": Devices(), "pools": [], "fans": [], "messages": ["devices, pools and messages"]},
        ),
        (
            {"workloads": [replace(WHOLE.workloads[0], wallet=HALF)]},
            {
                "devices": Devices(), "pools": [], "fans": [], "lan_ip": None, "wan_ip": None, "workloads": BARE,
                "messages": ["all but hashrates"],
            },
        ),
        (
            {"lan_ip": HALF},
            {
                "devices": Devices(), "pools": [], "fans": [], "lan_ip": None, "wan_ip": None, "workloads": BARE,
                "messages": ["all but hashrates"],
            },
        ),
        ({"workloads": [Workload(coin=HALF)]}, None),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_goes_with_what_it_is_in_and_is_named(
    broken: dict[str, object], left: dict[str, object] | None
) -> None:
    """A rig of which one text is damaged is heard of all the same, and says what is missing."""
    data = fitting(replace(WHOLE, **broken))
    assert data is not None
    sent = decode_log(data)
    expected = OperationalLog(T, messages=["all of it"]) if left is None else replace(WHOLE, **left)
    if expected.messages != WHOLE.messages:
        why = "Not sent with this log, because it was too large or could not be sent"
        expected = replace(expected, messages=[f"{why}: {what}." for what in expected.messages])
    assert sent == expected


def test_more_devices_than_any_rig_has() -> None:
    rows = [Device("gpu", i, hashrates=[1.0] * (MAX_WORKLOADS + 5)) for i in range(MAX_DEVICES + 100)]
    log = OperationalLog(T, workloads=[Workload(hashrate=1.0)] * (MAX_WORKLOADS + 5), devices=Devices.from_rows(rows))
    data = fitting(log)
    assert data is not None
    assert len(decode_log(data).workloads) <= MAX_WORKLOADS


@pytest.mark.parametrize("broken", ["names", "numbers", "surrogates"])
async def test_a_strange_program_stops_no_log(settings: Settings, commander: ToyCommander, broken: str) -> None:
    """The Commander would refuse the rig's logs for ever, and every log behind them."""
    strange = {
        "names": Workload(software="x" * 1_000_000, hashrate=5.0),
        "numbers": Workload(accepted=10**400, hashrate=float("nan")),
        "surrogates": Workload(pool="\ud800", hashrate=5.0),
    }[broken]
    part = FakePart()
    commander.good(part.token)
    async with running(
        Agent(msgspec.structs.replace(settings, commander=commander.url), [part], timings=QUICK)
    ) as agent:
        await until(lambda: part.verdicts)
        assert part.reporter is not None
        part.reports += 1
        t = part.reporter.now_ms(part.token)
        part.reporter.log(part.token, OperationalLog(t=t, uptime_s=1.0, workloads=[strange]))
        part.report(3)
        await until(lambda: agent.spool.stats().logs == 0)
        assert commander.connections == 1
        assert len(commander.logs) == 4
