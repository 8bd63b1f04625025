"""Commands that come from the broker, with `mqtt_commands` on: as an operator's, and nothing that looks like one."""

from __future__ import annotations

import json
from typing import Any

from rigfarm.commander.mqtt.steering.steering import PER_RIG
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.frames import RigSpecs
from support.asic_load import SUPPORTED, asic_specs
from support.broker import Listener
from support.load import connect
from support.until import until

SETTINGS = {"mqtt_commands": "on"}


def given(commander: CommanderProcess, rig_id: int) -> list[str]:
    answer = commander.api("GET", f"/api/commands?rig={rig_id}")
    assert isinstance(answer, list)
    return [one["command"]["type"] for one in reversed(answer)]


def activity(commander: CommanderProcess) -> list[dict[str, Any]]:
    answer = commander.api("GET", "/api/activity?by=mqtt")
    assert isinstance(answer, list)
    return answer


def limits(commander: CommanderProcess) -> str:
    return json.dumps(commander.api("GET", "/api/incidents"))


def components(listener: Listener, rig_id: int) -> dict[str, Any]:
    topic = f"homeassistant/device/rigfarm_{rig_id}/config"
    found: dict[str, Any] = json.loads(listener.retained.get(topic, b'{"components": {}}'))["components"]
    return found


async def test_a_button_restarts_the_programs_of_a_rig(commander: CommanderProcess, listener: Listener) -> None:
    [(rig_id, token)] = commander.add_rigs(["rig-01"])
    await until(lambda: "restart_miner" in components(listener, rig_id))
    button = components(listener, rig_id)["restart_miner"]
    assert button["platform"] == "button"
    link = await connect(commander.url, [token])
    received: list[str] = []
    link.on_frame = lambda frame: received.append(str(frame))
    listener.publish(button["command_topic"], button["payload_press"])
    await until(lambda: any("RestartMiner" in frame for frame in received))
    link.close()
    await until(link.lost.is_set)
    await until(lambda: activity(commander))
    [entry] = activity(commander)
    assert (entry["who"], entry["action"], entry["outcome"]) == ("MQTT", "command: restart miner", "changed")
    assert entry["targets"] == {"rig": str(rig_id)}


async def test_a_switch_pauses_an_asic(commander: CommanderProcess, listener: Listener) -> None:
    [(rig_id, token)] = commander.add_rigs(["asic-01"], "asic")
    link = await connect(commander.url, [token])
    link.send(encode(RigSpecs(0, asic_specs(1, supports=SUPPORTED))))
    await until(lambda: "mining" in components(listener, rig_id))
    switch = components(listener, rig_id)["mining"]
    listener.publish(switch["command_topic"], switch["payload_off"])
    await until(lambda: given(commander, rig_id) == ["pause"])
    listener.publish(switch["command_topic"], switch["payload_on"])
    await until(lambda: given(commander, rig_id) == ["pause", "resume"])
    assert "reboot" not in components(listener, rig_id)
    link.close()
    await until(link.lost.is_set)


async def test_what_is_no_command_is_ignored_and_noted(commander: CommanderProcess, listener: Listener) -> None:
    [(rig_id, _)] = commander.add_rigs(["rig-02"])
    topic = f"rigfarm/rig/{rig_id}/command"
    for payload in (b"", b"shut-down", b"REBOOT", b"reboot\0", b'{"type":"reboot"}', b"\xff\xfe", b"reboot" * 1000):
        listener.publish(topic, payload)
    for other in (f"rigfarm/rig/0{rig_id}/command", "rigfarm/rig//command", f"rigfarm/rig/{rig_id}/command/x"):
        listener.publish(other, b"reboot")
    listener.publish("rigfarm/rig/99999/command", b"reboot")
    await until(lambda: "rig that does not exist" in limits(commander))
    assert "unknown command" in limits(commander)
    assert given(commander, rig_id) == []


async def test_a_retained_command_does_not_reboot_a_rig_at_every_connection(
    commander: CommanderProcess, listener: Listener
) -> None:
    [(rig_id, _)] = commander.add_rigs(["rig-03"])
    commander.stop()
    listener.publish(f"rigfarm/rig/{rig_id}/command", b"reboot", retain=True)
    commander.start()
    await until(lambda: "retained command" in limits(commander))
    assert given(commander, rig_id) == []
    listener.publish(f"rigfarm/rig/{rig_id}/command", b"", retain=True)


async def test_a_flood_of_commands_is_limited(commander: CommanderProcess, listener: Listener) -> None:
    [(rig_id, _)] = commander.add_rigs(["rig-04"])
    for _ in range(PER_RIG * 3):
        listener.publish(f"rigfarm/rig/{rig_id}/command", b"restart-miner")
    await until(lambda: "commands a minute" in limits(commander))
    await until(lambda: len(given(commander, rig_id)) == PER_RIG)
