"""MQTT: rigs at a broker, as devices that Home Assistant finds by itself."""

from rigfarm.commander.mqtt.actions import Bridge
from rigfarm.commander.mqtt.model import Broker, Topics
from rigfarm.commander.mqtt.steering.steering import Steering
from rigfarm.commander.noun import Noun
from rigfarm.commander.supervised import DATABASE_S, Work

__all__ = ["Bridge", "Broker", "Steering", "Topics", "noun"]

DEADLINE_S = 60.0
"""A broker that takes nothing is given up after half of this."""


def noun(bridge: Bridge, steering: Steering | None) -> Noun:
    """Its entry point; with `steering`, the broker may give commands."""
    commands = [] if steering is None else [Work("commands by MQTT", steering.run, DATABASE_S)]
    return Noun(work=[Work("MQTT", bridge.run, DEADLINE_S), *commands])
