"""What Home Assistant finds at the broker, rendered with its own template language, from a real Commander and links."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import jinja2
from msgspec.structs import replace

from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.frames import RigSpecs
from rigfarm.wire.log import OperationalLog, Workload
from support.asic_load import an_asic_log, asic_specs
from support.broker import Listener
from support.load import LoadLink, a_log, connect
from support.until import until

UNKNOWN = "None"
"""What a template gives for an unknown value: Home Assistant shows it as unknown."""


@asynccontextmanager
async def linked(commander: CommanderProcess, token: str) -> AsyncIterator[LoadLink]:
    link = await connect(commander.url, [token])
    yield link
    link.close()
    await until(link.lost.is_set)


def now(log: OperationalLog) -> list[bytes]:
    return [encode(replace(log, t=utc_ms()))]


def config(listener: Listener, rig_id: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(listener.retained[f"homeassistant/device/rigfarm_{rig_id}/config"])
    return found


def entities(listener: Listener, found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(its name, what it shows), as Home Assistant computes it; `unavailable` where it isn't available."""
    for entity in found["components"].values():
        known = entity.get("availability", found["availability"])
        there = all(listener.retained.get(one["topic"]) == b"online" for one in known)
        state = json.loads(listener.retained[entity["state_topic"]])
        text = jinja2.Environment().from_string(entity["value_template"]).render(value_json=state)
        yield entity["name"], text if there else "unavailable"


def shown(listener: Listener, rig_id: int) -> dict[str, str]:
    """Nothing until both of its messages are there, which come one after the other."""
    if not {f"homeassistant/device/rigfarm_{rig_id}/config", f"rigfarm/rig/{rig_id}/state"} <= set(listener.retained):
        return {}
    return dict(entities(listener, config(listener, rig_id)))


async def test_a_rig_is_a_device_with_its_figures(commander: CommanderProcess, listener: Listener) -> None:
    [(rig_id, token)] = commander.add_rigs(["rig-01a"])
    log = replace(a_log(1, 5_000, gpus=2), power_w=641.0)
    async with linked(commander, token) as link:
        link.send_logs(now(log))
        await until(lambda: shown(listener, rig_id).get("Hashrate KAS", "unavailable") != "unavailable")
        found, figures = config(listener, rig_id), shown(listener, rig_id)
    assert found["device"]["name"] == "rig-01a"
    assert found["device"]["via_device"] == "rigfarm"
    assert found["device"]["configuration_url"] == f"{commander.url}/rigs/{rig_id}"
    assert found["availability_mode"] == "all"
    assert figures["State"] == "online"
    assert figures["Power"] == "641.0"
    rate = log.workloads[0].hashrate
    assert rate is not None
    assert abs(float(figures["Hashrate KAS"]) - rate / 1e6) < 1e-6
    assert abs(float(figures["Efficiency"]) - rate / 641.0 / 1e3) < 1e-3
    assert float(figures["Temperature"]) == max(one.core_c or 0 for one in log.devices)
    assert float(figures["Memory temperature"]) == max(one.memory_c or 0 for one in log.devices)
    assert figures["Accepted shares"] == str(log.workloads[0].accepted)
    assert (figures["Link"], figures["Needs attention"]) == ("True", "OFF")
    ids = [entity["unique_id"] for entity in found["components"].values()]
    assert len(ids) == len(set(ids)) == len(figures)
    assert all(one.startswith(f"rigfarm_{rig_id}_") for one in ids)


async def test_an_asic_has_the_units_of_asics(commander: CommanderProcess, listener: Listener) -> None:
    [(rig_id, token)] = commander.add_rigs(["asic-02"], "asic")
    async with linked(commander, token) as link:
        link.send(encode(RigSpecs(0, asic_specs(1))))

        def figures() -> dict[str, str]:
            link.send_logs(now(an_asic_log(1, 5_000)))
            return shown(listener, rig_id)

        await until(lambda: "Hashrate BTC" in figures() and "manufacturer" in config(listener, rig_id)["device"])
        await until(lambda: 90 < float(figures().get("Hashrate BTC", "nan")) < 115)
        await until(lambda: 20 < float(figures()["Efficiency"]) < 40)
        found = config(listener, rig_id)
    assert found["components"]["hashrate_btc"]["unit_of_measurement"] == "TH/s"
    assert found["components"]["efficiency"]["unit_of_measurement"] == "J/TH"


async def test_a_rig_that_goes_is_unavailable_and_leaves_no_old_number(
    commander: CommanderProcess, listener: Listener
) -> None:
    [(rig_id, token)] = commander.add_rigs(["rig-03a"])
    async with linked(commander, token) as link:
        link.send_logs(now(a_log(1, 5_000)))
        await until(lambda: shown(listener, rig_id).get("Power", "unavailable") != "unavailable")
    await until(lambda: shown(listener, rig_id)["Power"] == "unavailable")
    await until(lambda: shown(listener, rig_id)["Link"] == "False")
    assert (shown(listener, rig_id)["State"], shown(listener, rig_id)["Needs attention"]) == ("offline", "ON")
    state = json.loads(listener.retained[f"rigfarm/rig/{rig_id}/state"])
    assert state["power_w"] is state["temperature_c"] is state["shares_accepted"] is None
    assert state["hashrate"] == {}
    async with linked(commander, token) as link:
        link.send_logs(now(replace(a_log(1, 6_000), power_w=500.0)))
        await until(lambda: shown(listener, rig_id)["Power"] == "500.0")


async def test_a_silent_rig_is_unavailable(commander: CommanderProcess, listener: Listener) -> None:
    [(rig_id, token)] = commander.add_rigs(["rig-04a"])
    async with linked(commander, token) as link:
        link.send_logs(now(a_log(1, 5_000)))
        await until(lambda: shown(listener, rig_id).get("Power", "unavailable") != "unavailable")
        await until(lambda: shown(listener, rig_id)["Power"] == "unavailable")  # it is connected, and says nothing more
        assert shown(listener, rig_id)["Reason"] == "connected, but sends nothing"


async def test_a_figure_that_becomes_unknown_is_not_the_old_one(
    commander: CommanderProcess, listener: Listener
) -> None:
    [(rig_id, token)] = commander.add_rigs(["rig-05a"])
    async with linked(commander, token) as link:
        link.send_logs(now(replace(a_log(1, 5_000), power_w=641.0)))
        await until(lambda: shown(listener, rig_id).get("Power") == "641.0")
        other = replace(a_log(1, 6_000), power_w=None, workloads=[Workload(coin="XMR", hashrate=9_000.0)])

        def turned() -> bool:
            link.send_logs(now(other))
            return shown(listener, rig_id).get("Power") == UNKNOWN

        await until(turned)
        figures = shown(listener, rig_id)
    assert figures["Hashrate KAS"] == figures["Efficiency"] == figures["Accepted shares"] == UNKNOWN
    assert float(figures["Hashrate XMR"]) > 0


async def test_a_rig_that_never_reported_has_no_figures(commander: CommanderProcess, listener: Listener) -> None:
    [(rig_id, _)] = commander.add_rigs(["rig-06a"])
    await until(lambda: shown(listener, rig_id).get("Power") == "unavailable")
    assert shown(listener, rig_id)["State"] == "waiting"


async def test_a_renamed_rig_keeps_its_entities_and_a_removed_one_leaves_nothing(
    commander: CommanderProcess, listener: Listener
) -> None:
    [(rig_id, _), (other, _)] = commander.add_rigs(["rig-07a", "rig-07b"])
    await until(lambda: shown(listener, rig_id) and shown(listener, other))
    before = config(listener, rig_id)
    commander.api("PATCH", f"/api/rigs/{rig_id}", {"name": "attic"})
    await until(lambda: config(listener, rig_id)["device"]["name"] == "attic")
    assert config(listener, rig_id)["components"] == before["components"]
    commander.api("DELETE", f"/api/rigs/{rig_id}")
    await until(lambda: not any(f"/{rig_id}/" in topic or f"_{rig_id}/" in topic for topic in listener.retained))
    assert shown(listener, other)


async def test_a_rig_that_is_removed_while_the_broker_is_away_leaves_nothing(
    commander: CommanderProcess, listener: Listener
) -> None:
    listener.publish("rigfarm/rig/4711/availability", b"online", retain=True)
    listener.publish("rigfarm/rig/4711/state", b"{}", retain=True)
    listener.publish("homeassistant/device/rigfarm_4711/config", b"{}", retain=True)
    listener.publish("rigfarm/rig/not-a-number/availability", b"online", retain=True)
    commander.stop()
    commander.start()
    await until(lambda: not any("4711" in topic for topic in listener.retained))
    assert "rigfarm/rig/not-a-number/availability" in listener.retained


async def test_everything_is_unavailable_without_a_commander(commander: CommanderProcess, listener: Listener) -> None:
    [(rig_id, _)] = commander.add_rigs(["rig-09a"])
    await until(lambda: shown(listener, rig_id).get("State") == "waiting")
    commander.kill()
    await until(lambda: listener.retained["rigfarm/status"] == b"offline")
    assert set(shown(listener, rig_id).values()) == {"unavailable"}
    commander.start()
    await until(lambda: shown(listener, rig_id)["State"] == "waiting")
    commander.stop()
    await until(lambda: listener.retained["rigfarm/status"] == b"offline")
    commander.start()


async def test_the_farm_is_a_device_of_its_own(commander: CommanderProcess, listener: Listener) -> None:
    [(_, token), *_] = commander.add_rigs(["rig-10a", "rig-10b"])
    async with linked(commander, token) as link:

        def farm() -> dict[str, str]:
            link.send_logs(now(replace(a_log(1, 5_000), power_w=641.0)))
            topic = "homeassistant/device/rigfarm/config"
            return dict(entities(listener, json.loads(listener.retained[topic]))) if topic in listener.retained else {}

        await until(lambda: (farm().get("Rigs that report"), farm().get("Power")) == ("1", "641.0"))
        await until(lambda: float(farm().get("Hashrate KAS", "nan")) > 0)
        assert int(farm()["Rigs"]) >= 2


async def test_what_did_not_change_is_not_sent_again(commander: CommanderProcess, listener: Listener) -> None:
    [(rig_id, token)] = commander.add_rigs(["rig-11a"])
    log = a_log(1, 5_000)
    async with linked(commander, token) as link:
        link.send_logs(now(log))
        await until(lambda: shown(listener, rig_id).get("Power", "unavailable") != "unavailable")
        seen = len(listener.messages)
        for _ in range(12):
            link.send_logs(now(log))
            sent = link.next_seq - 1
            await until(lambda sent=sent: link.acked >= sent)
        listener.publish("end", b"end")
        await until(lambda: ("end", b"end") in listener.messages)
    assert not [topic for topic, _ in listener.messages[seen:] if f"/rig/{rig_id}/" in topic or "/device/" in topic]
