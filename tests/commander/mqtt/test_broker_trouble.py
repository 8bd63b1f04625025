"""Brokers that are away, refuse, are slow or hostile: the Commander says so, and goes on by itself."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rigfarm.commander.mqtt.broker import connection as broker_connection
from rigfarm.commander.mqtt.broker.connection import BrokerLost, Incoming, connected
from rigfarm.commander.mqtt.model import MAX_INCOMING, Broker
from rigfarm.simulate.commander import CommanderProcess, free_port
from support.broker import Listener, Mosquitto
from support.until import until

CONNACK = b"\x20\x02\x00\x00"


def trouble(commander: CommanderProcess) -> str:
    health = commander.api("GET", "/api/health")
    assert isinstance(health, dict)
    [part] = [part for part in health["parts"] if part["name"] == "MQTT"]
    return str(part["last_error"]) if part["state"] == "failing" else ""


async def test_a_broker_that_comes_late_and_goes_again(commander: CommanderProcess, broker: Mosquitto) -> None:
    [(rig_id, _)] = commander.add_rigs(["rig-01"])
    broker.stop()
    await until(lambda: "127.0.0.1" in trouble(commander))
    commander.stop()
    commander.start()
    await until(lambda: "can't be reached: Connection refused" in trouble(commander))
    broker.start()
    with Listener(broker.port) as listener:
        await until(lambda: f"rigfarm/rig/{rig_id}/state" in listener.retained)
    await until(lambda: not trouble(commander))
    broker.stop()
    await until(lambda: "connection" in trouble(commander).lower())
    broker.start()
    with Listener(broker.port) as listener:
        await until(lambda: f"rigfarm/rig/{rig_id}/state" in listener.retained)
        assert listener.retained["rigfarm/status"] == b"online"


def _certificate(folder: Path) -> tuple[Path, Path]:
    """And its key."""
    certificate, key = folder / "broker.pem", folder / "broker.key"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    made = [*words.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-out", str(certificate), "-keyout", str(key)]
    subprocess.run(["openssl", *made], check=True, capture_output=True)
    return certificate, key


async def test_a_broker_with_tls_and_a_password(tmp_path: Path) -> None:
    passwords, (certificate, key) = tmp_path / "passwords", _certificate(tmp_path)
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "farm", "p@ss w/rd"], check=True, capture_output=True)
    lines = (f"certfile {certificate}", f"keyfile {key}", f"password_file {passwords}", "allow_anonymous false")
    with Mosquitto(tmp_path, *lines, plain=False) as broker:
        good = f"mqtts://farm:p%40ss%20w%2Frd@127.0.0.1:{broker.port}"
        await _say_something(Broker.of_url(good, certificate))
        for url, ca, why in (
            (good, None, "not trusted"),
            (f"mqtts://farm:wrong@127.0.0.1:{broker.port}", certificate, "refuses us"),
            (good, tmp_path / "absent.pem", "mqtt_ca"),
        ):
            with pytest.raises(BrokerLost, match=why) as error:
                await _say_something(Broker.of_url(url, ca))
            assert not {"wrong", "ss w"} & set(str(error.value).split())


async def _say_something(broker: Broker, payload: bytes = b"x") -> None:
    async with connected(broker, "test", "t/status", lambda *_: None) as connection:
        connection.publish("t/one", payload)
        await connection.drained()


async def _talk(port: int, payload: bytes, on: Incoming = lambda *_: None) -> None:
    """Until the connection ends."""
    async with connected(Broker(host="127.0.0.1", port=port, tls=False), "test", "t/status", on) as connection:
        while True:
            connection.publish("t/one", payload)
            await connection.drained()


@asynccontextmanager
async def hostile(says: bytes, *, reads: bool = True) -> AsyncIterator[int]:
    """A server that accepts us, says something, and perhaps never reads; its port."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(CONNACK + says)
        while reads and await reader.read(1000):
            pass
        await over.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1000)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        over.set()
        server.close()


async def test_a_broker_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_connection, "STUCK_S", 0.5)
    async with hostile(b"", reads=False) as port:
        with pytest.raises(BrokerLost, match="takes nothing any more"):
            await _talk(port, bytes(4_000))


@pytest.mark.parametrize(
    "says",
    [
        b"\x30" + bytes([0xFF, 0xFF, 0xFF, 0x7F]) + b"\x00\x01a" + bytes(MAX_INCOMING),
        b"\x30\xff\xff\xff\xff\xff\xff",
        b"\xf0\x00",
        b"\x00\x00",
        b"\x32\x06\x00\x01a\x00\x01x",
        b"\x34\x06\x00\x01a\x00\x01x",
        b"\xc0\x00",
        b"\x62\x02\x00\x01",
    ],
    ids=[
        "a packet of 256 MB",
        "a length without end",
        "an unknown packet",
        "nothing known",
        "a message that is to be acknowledged",
        "a message that is kept until it is released",
        "a ping",
        "a release",
    ],
)
async def test_a_hostile_broker_ends_only_the_connection(says: bytes) -> None:
    got: list[bytes] = []
    async with hostile(says) as port:
        with pytest.raises(BrokerLost, match=r"was lost \(Protocol error\)"):
            await _talk(port, b"x", lambda _, payload, __: got.append(payload))
    assert got == []


async def test_a_broker_that_floods_an_encrypted_connection_leaves_others_their_turns(tmp_path: Path) -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(*_certificate(tmp_path))
    over, turn, in_turn = asyncio.Event(), 0, Counter[int]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(CONNACK + b"\x30\x04\x00\x01ax" * 2_000)  # a TLS record: it is decrypted as a whole
        await over.wait()
        writer.close()

    async def count_turns() -> None:
        nonlocal turn
        while True:
            await asyncio.sleep(0)
            turn += 1

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_side)
    port, counting = server.sockets[0].getsockname()[1], asyncio.create_task(count_turns())
    broker = Broker(host="127.0.0.1", port=port, tls=True, ca=tmp_path / "broker.pem")
    async with connected(broker, "test", "t/status", lambda *_: in_turn.update([turn])):
        await until(lambda: in_turn.total() == 2_000)
    assert max(in_turn.values()) <= 2
    counting.cancel()
    over.set()
    server.close()


async def test_a_broker_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_connection, "CONNECT_S", 0.3)

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(BrokerLost, match="doesn't answer"):
        await _say_something(Broker(host="127.0.0.1", port=port, tls=False))
    server.close()


async def test_a_name_that_does_not_resolve_is_said() -> None:
    with pytest.raises(BrokerLost, match="can't be reached"):
        await _say_something(Broker(host="broker.invalid", port=free_port(), tls=False))
