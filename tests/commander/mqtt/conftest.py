"""A broker, and a Commander that publishes there: for all tests of a module, each with rigs of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rigfarm.simulate.commander import CommanderProcess
from support.broker import Listener, Mosquitto


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
def listener(broker: Mosquitto) -> Iterator[Listener]:
    with Listener(broker.port) as listener:
        yield listener


@pytest.fixture(scope="module")
def commander(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto
) -> Iterator[CommanderProcess]:
    """With the module's SETTINGS, if it has any."""
    more: dict[str, str] = getattr(request.module, "SETTINGS", {})
    settings = {"report_interval_s": "1", "mqtt_url": f"mqtt://127.0.0.1:{broker.port}", **more}
    with CommanderProcess(tmp_path_factory.mktemp("commander"), settings=settings) as process:
        yield process
