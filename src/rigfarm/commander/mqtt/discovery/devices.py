"""A rig, and the farm, as devices of Home Assistant: one retained message for each announces all of its entities.

What a device is known by stays: its id comes from the rig's number, so a renamed rig keeps its entities.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from rigfarm import __version__
from rigfarm.commander.mqtt.discovery.entities import ORIGIN, Entity, JsonValue, efficiency, hashrate, sensor
from rigfarm.commander.mqtt.model import Topics
from rigfarm.commander.mqtt.view import HashUnit
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.stats.condition import STATES
from rigfarm.wire.specs import Specs

__all__ = ["Coins", "farm_config", "rig_config"]

Coins = Mapping[str, tuple[str, HashUnit]]
"""By its key: a coin's name for people, and the unit of its hashrate."""

_CELSIUS: Entity = {"device_class": "temperature", "state_class": "measurement", "unit_of_measurement": "°C"}
_POWER: Entity = {"device_class": "power", "state_class": "measurement", "unit_of_measurement": "W"}
_COUNT: Entity = {"state_class": "measurement"}
_SHARES: Entity = {"state_class": "total_increasing", "icon": "mdi:check-network"}
_DIAGNOSTIC: Entity = {"entity_category": "diagnostic"}

_ALWAYS: Mapping[str, Entity] = {
    "state": sensor("State", "state", device_class="enum", options=STATES),
    "reason": sensor("Reason", "reason", icon="mdi:information-outline", **_DIAGNOSTIC),
    "link": sensor(
        "Link",
        "link",
        platform="binary_sensor",
        device_class="connectivity",
        payload_on="True",
        payload_off="False",
        **_DIAGNOSTIC,
    ),
    "problem": {
        "platform": "binary_sensor",
        "name": "Needs attention",
        "device_class": "problem",
        "value_template": "{{ 'ON' if value_json.attention else 'OFF' }}",
    },
}
"""What is known of a rig whatever its state: only the Commander has to be there."""
_WHILE_UP: Mapping[str, Entity] = {
    "power": sensor("Power", "power_w", **_POWER),
    "temperature": sensor("Temperature", "temperature_c", **_CELSIUS),
    "accepted": sensor("Accepted shares", "shares_accepted", **_SHARES),
    "rejected": sensor("Rejected shares", "shares_rejected", **_SHARES),
}
_MEMORY = sensor("Memory temperature", "memory_temperature_c", **_CELSIUS)
_FARM: Mapping[str, Entity] = {
    "rigs": sensor("Rigs", "rigs", icon="mdi:server", **_COUNT),
    "rigs_up": sensor("Rigs that report", "rigs_up", icon="mdi:server-network", **_COUNT),
    "rigs_attention": sensor("Rigs that need attention", "rigs_attention", icon="mdi:alert", **_COUNT),
    "power": sensor("Power", "power_w", **_POWER),
}
_BUTTONS: Mapping[str, Entity] = {
    "restart-miner": {"name": "Restart mining programs", "device_class": "restart"},
    "reboot": {"name": "Reboot", "device_class": "restart"},
    "restart": {"name": "Restart", "device_class": "restart"},
}


def rig_config(
    topics: Topics, rig: Rig, coins: Coins, *, memory: bool, url: str, commands: frozenset[str] = frozenset()
) -> bytes:
    """Announces a rig. `memory`: its cards tell how hot their memory is; `commands`: those that it can be given."""
    own = f"{topics.namespace}_{rig.id}"
    always = [{"topic": topics.status}]
    device = _about(rig) | {
        "identifiers": [own],
        "name": rig.name,
        "via_device": topics.namespace,
        "configuration_url": url + rig.href,
    }
    found: dict[str, Entity] = {key: entity | {"availability": always} for key, entity in _ALWAYS.items()}
    found |= {key: dict(entity) for key, entity in _WHILE_UP.items()}
    if memory:
        found["memory_temperature"] = dict(_MEMORY)
    for key, (name, unit) in coins.items():
        found[f"hashrate_{key}"] = hashrate(key, name, unit)
    if coins:
        found["efficiency"] = efficiency(next(iter(coins.values()))[1])
    found = {key: entity | {"state_topic": topics.state(rig.id)} for key, entity in found.items()}
    found |= _steering(topics, rig, commands)
    return _config(
        own, device, found, availability=[*always, {"topic": topics.availability(rig.id)}], availability_mode="all"
    )


def farm_config(topics: Topics, coins: Coins, url: str) -> bytes:
    """Announces the farm's totals."""
    own = topics.namespace
    device: Entity = {
        "identifiers": [own],
        "name": "Rigfarm" if own == "rigfarm" else f"Rigfarm {topics.prefix}",
        "manufacturer": "Rigfarm",
        "model": "Commander",
        "sw_version": __version__,
        "configuration_url": url,
    }
    found = dict(_FARM) | {f"hashrate_{key}": hashrate(key, name, unit) for key, (name, unit) in coins.items()}
    found = {key: entity | {"state_topic": topics.farm} for key, entity in found.items()}
    return _config(own, device, found, availability=[{"topic": topics.status}])


def _steering(topics: Topics, rig: Rig, commands: frozenset[str]) -> dict[str, Entity]:
    to: Entity = {"command_topic": topics.command(rig.id)}
    found: dict[str, Entity] = {
        word.replace("-", "_"): {"platform": "button", "payload_press": word, **entity, **to}
        for word, entity in _BUTTONS.items()
        if word in commands
    }
    if {"pause", "resume"} <= commands:
        found["mining"] = {
            "platform": "switch",
            "name": "Mining",
            "icon": "mdi:pickaxe",
            "state_topic": topics.state(rig.id),
            "value_template": "{{ 'pause' if value_json.paused else 'resume' }}",
            "payload_on": "resume",
            "payload_off": "pause",
            **to,
        }
    return found


def _config(own: str, device: Entity, entities: Mapping[str, Entity], **options: JsonValue) -> bytes:
    components = {key: {**entity, "unique_id": f"{own}_{key}"} for key, entity in entities.items()}
    return msgspec.json.encode({"device": device, "origin": ORIGIN, **options, "components": components})


def _about(rig: Rig) -> Entity:
    """What a rig is made of, as far as it is known."""
    specs = rig.specs
    found: Entity = {"suggested_area": rig.place.rpartition("/")[2].strip()} if rig.place else {}
    if specs is None:
        return found | {"model": rig.of.full}
    firmware = " ".join(part for part in (specs.firmware, specs.firmware_version) if part)
    more: dict[str, str | None] = {
        "manufacturer": specs.make,
        "model": _model(rig, specs),
        "serial_number": specs.serial,
        "sw_version": firmware or f"Sentry {specs.sentry_version}",
    }
    return found | {key: text for key, text in more.items() if text}


def _model(rig: Rig, specs: Specs) -> str:
    if specs.model:
        return specs.model
    names = [gpu.name or gpu.vendor or "GPU" for gpu in specs.gpus]
    counted = [f"{names.count(name)} × {name}" for name in dict.fromkeys(names)]
    return ", ".join(counted)[:120] or specs.cpu or rig.of.full
