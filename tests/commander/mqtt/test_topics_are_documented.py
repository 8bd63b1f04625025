"""docs/mqtt.md names what is published: every topic, entity, key and command."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec

from rigfarm.commander.mqtt.discovery.devices import farm_config, rig_config
from rigfarm.commander.mqtt.model import Topics
from rigfarm.commander.mqtt.steering.steering import COMMANDS
from rigfarm.commander.mqtt.view import MEGA, RigState
from rigfarm.commander.rigs.model import Rig

PAGE = (Path(__file__).parents[3] / "docs" / "mqtt.md").read_text()
TOPICS = Topics("rigfarm", "homeassistant")
COINS = {"kas": ("KAS", MEGA)}
RIG = Rig(7, "rig-07", "cpu-gpu", 0)


def _rows(heading: str) -> list[list[str]]:
    table = PAGE[PAGE.index(f"| {heading} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


def test_every_topic_is_in_the_table() -> None:
    made = [TOPICS.status, TOPICS.farm, TOPICS.farm_config]
    made += [of(7) for of in (TOPICS.availability, TOPICS.state, TOPICS.command, TOPICS.config)]
    assert {row[0].strip("`") for row in _rows("topic")} == set(made)


def test_every_entity_is_described() -> None:
    config = json.loads(
        rig_config(TOPICS, RIG, {"kas": ("KAS", MEGA)}, memory=True, url="", commands=frozenset(COMMANDS))
    )
    entities = config["components"].values()
    own = TOPICS.availability(7)
    known = {
        re.sub(r" KAS$", "", one["name"]): any(
            place["topic"] == own for place in one.get("availability", config["availability"])
        )
        for one in entities
        if "command_topic" not in one
    }
    described = {name: row[1] != "always" for row in _rows("entity") for name in row[0].split(", ")}
    assert described == known
    steering = {one["name"] for one in entities if "command_topic" in one}
    of_farm = json.loads(farm_config(TOPICS, COINS, ""))["components"].values()
    farm = {one["name"].replace(" KAS", "") for one in of_farm}
    assert all(f"*{name}*" in PAGE for name in steering | farm)


def test_the_example_of_a_state_has_every_key() -> None:
    example = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    assert list(json.loads(example[1])) == [field.encode_name for field in msgspec.structs.fields(RigState)]
    msgspec.json.decode(example[1], type=RigState)


def test_every_command_is_named() -> None:
    assert all(f"`{word}`" in PAGE for word in COMMANDS)
