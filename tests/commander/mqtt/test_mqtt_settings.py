"""What may be set, and what topics are taken for."""

from __future__ import annotations

import pytest

from rigfarm.commander.mqtt.model import Broker, Topics
from rigfarm.commander.settings import SettingsError, load_settings


@pytest.mark.parametrize(
    "url", ["http://broker", "mqtt://", "mqtt://broker:99999", "mqtt://broker:0", "mqtt://broker/topic", "broker:1883"]
)
def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="mqtt_url"):
        load_settings(environ={}, options={"mqtt_url": url})


@pytest.mark.parametrize("prefix", ["", "a/#", "+", "/a", "a/", "a//b", "ä", "x" * 101, "$SYS"])
def test_a_prefix_with_wildcards_or_empty_levels_is_refused(prefix: str) -> None:
    with pytest.raises(SettingsError, match="mqtt_prefix"):
        load_settings(environ={}, options={"mqtt_prefix": prefix})


def test_the_password_is_not_shown() -> None:
    settings = load_settings(environ={}, options={"mqtt_url": "mqtts://farm:s%40cret@broker.example"})
    broker = Broker.of(settings)
    assert (broker.host, broker.port, broker.tls, broker.password) == ("broker.example", 8883, True, "s@cret")
    assert "cret" not in f"{settings!r} {broker!r} {broker}"


def test_discovery_can_be_off() -> None:
    assert load_settings(environ={"RIGFARM_MQTT_DISCOVERY": "off"}).mqtt_discovery == ""


@pytest.mark.parametrize(
    ("topic", "found"),
    [
        ("farm/a/rig/7/command", (7, "command")),
        ("farm/a/rig/7/availability", (7, "availability")),
        ("farm/a/rig/7/state", None),
        ("farm/a/rig/07/command", None),
        ("farm/a/rig/-7/command", None),
        ("farm/a/rig/٧/command", None),
        ("farm/a/rig/" + "9" * 19 + "/command", None),
        ("x/farm/a/rig/7/command", None),
        ("farm/a/rig/7/command/x", None),
        ("farm/a/rig//command", None),
        ("", None),
    ],
)
def test_topics_are_read_strictly(topic: str, found: tuple[int, str] | None) -> None:
    assert Topics("farm/a").parse(topic) == found
