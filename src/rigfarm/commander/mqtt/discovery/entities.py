"""Entities as Home Assistant's MQTT discovery describes them: a table, one line for each figure.

A template gives `None` for what is unknown or absent, which Home Assistant shows as unknown. An empty text would be
ignored, and leave the old number where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rigfarm import __version__
from rigfarm.commander.mqtt.view import HashUnit

__all__ = ["ORIGIN", "Entity", "JsonValue", "efficiency", "hashrate", "sensor"]

JsonValue = str | int | float | bool | None | Sequence["JsonValue"] | Mapping[str, "JsonValue"]
Entity = dict[str, JsonValue]

ORIGIN: Entity = {"name": "Rigfarm", "sw_version": __version__}


def sensor(name: str, key: str, **options: JsonValue) -> Entity:
    """A figure of the state, by its key; a `sensor` unless the options name another `platform`."""
    template = f"{{{{ value_json.{key} | default(none) }}}}"
    return {"platform": "sensor", "name": name, "value_template": template, **options}


def hashrate(coin: str, name: str, unit: HashUnit) -> Entity:
    """The hashrate of a coin; `coin` is its key, `name` for people."""
    return sensor(
        f"Hashrate {name}",
        "hashrate",
        icon="mdi:pickaxe",
        state_class="measurement",
        unit_of_measurement=unit.symbol,
        suggested_display_precision=2,
    ) | {"value_template": _scaled(f"value_json.hashrate['{coin}']", f"v / {unit.factor:.0f}")}


def efficiency(unit: HashUnit) -> Entity:
    """Hashes per joule, or joules per terahash, as people write it for such a rig."""
    how = {"J/TH": "1000000000000 / v if v else none", "kH/J": "v / 1000", "H/J": "v"}[unit.efficiency]
    return sensor(
        "Efficiency",
        "efficiency_h_per_j",
        icon="mdi:speedometer",
        state_class="measurement",
        unit_of_measurement=unit.efficiency,
        suggested_display_precision=2,
    ) | {"value_template": _scaled("value_json.efficiency_h_per_j", how)}


def _scaled(value: str, how: str) -> str:
    return f"{{% set v = {value} | default(none) %}}{{{{ none if v is none else {how} }}}}"
