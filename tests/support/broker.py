"""A real MQTT broker for one test, and a client that listens to it."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path
from types import TracebackType

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from rigfarm.simulate.commander import free_port
from support.until import until_now

__all__ = ["Listener", "Mosquitto"]


class Mosquitto:
    """`with Mosquitto(folder) as broker:`; it can be stopped and started again. It forgets what it retained."""

    def __init__(self, folder: Path, *lines: str, plain: bool = True) -> None:
        """`lines` of its configuration; not `plain`: they open its port."""
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None:
            pytest.skip("mosquitto is not installed (apt-get install mosquitto)")
        self.port = free_port()
        self._program = program
        self._log = folder / "mosquitto.log"
        self._config = folder / "mosquitto.conf"
        # As a test's own root it would become another user, who can't read the test's folder.
        opens = [f"listener {self.port} 127.0.0.1", "user root", *(["allow_anonymous true"] if plain else [])]
        self._config.write_text("\n".join([*opens, *lines]) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", str(self._config)], stdout=log, stderr=subprocess.STDOUT
            )
        until_now(
            lambda: f"Opening ipv4 listen socket on port {self.port}" in self._log.read_text(), self._log.read_text
        )

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._log.write_text("")
            self._process = None

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Listener:
    """Subscribed to everything. `retained` is what a new subscriber would get."""

    def __init__(self, port: int, *, username: str = "", password: str = "") -> None:
        self.retained: dict[str, bytes] = {}
        self.messages: list[tuple[str, bytes]] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        if username:
            self._client.username_pw_set(username, password)
        subscribed = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe("#")
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = self._received
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert subscribed.wait(60), "the broker does not answer"

    def _received(self, _: object, __: object, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload)
        self.messages.append((message.topic, payload))
        if payload:
            self.retained[message.topic] = payload
        else:
            self.retained.pop(message.topic, None)

    def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Send a message, and wait until the broker has it."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(30)

    def close(self) -> None:
        """Hang up."""
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
