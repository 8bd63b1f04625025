"""A connection to the broker: paho-mqtt's protocol on our event loop, without a thread of its own.

Everything is sent at most once (QoS 0): what is lost with a connection is sent again on the next, whole. What the
broker hasn't taken yet is bounded by `drained`, and what it sends by MAX_INCOMING: it isn't trusted.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from rigfarm.commander.mqtt.model import MAX_INCOMING, OFFLINE, Broker

__all__ = ["BrokerLost", "Connection", "Incoming", "connected"]

CONNECT_S = 10.0
KEEPALIVE_S = 30
STUCK_S = 30.0
"""A broker that takes nothing for so long is given up."""

Incoming = Callable[[str, bytes, bool], None]
"""Takes a message: topic, payload, and whether it was retained."""


class BrokerLost(Exception):  # noqa: N818 - what happened, for people
    """There is no connection; the text says why."""


_EXPECTED = (paho.CONNACK, paho.SUBACK, paho.UNSUBACK, paho.PINGRESP, paho.PUBLISH)
_QOS = 0b0110
"""Of a PUBLISH's first byte."""


class _Client(paho.Client):
    """Refuses what the library has no limit for: large packets, while they arrive, before they are in memory; and what
    no broker sends to a client that does everything at QoS 0. Such packets are kept, or answered, without end."""

    def _packet_read(self) -> MQTTErrorCode:
        code = super()._packet_read()
        too_large = self._in_packet["remaining_length"] > MAX_INCOMING
        return MQTTErrorCode.MQTT_ERR_PROTOCOL if too_large else code

    def _packet_handle(self) -> MQTTErrorCode:
        first: int = self._in_packet["command"]
        if first & 0xF0 not in _EXPECTED or (first & 0xF0 == paho.PUBLISH and first & _QOS):
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        return super()._packet_handle()


@asynccontextmanager
async def connected(broker: Broker, client_id: str, status: str, on_message: Incoming) -> AsyncIterator[Connection]:
    """A connection while the block runs; its last will on `status` is that the Commander is offline. BrokerLost."""
    connection = Connection(broker, client_id, status, on_message)
    try:
        await connection.open()
        yield connection
    finally:
        connection.close()


class Connection:
    """Used from the event loop only, but for the moment in which a thread connects."""

    def __init__(self, broker: Broker, client_id: str, status: str, on_message: Incoming) -> None:
        self._broker = broker
        self._status = status
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._socket: int | None = None
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._writable: asyncio.Future[None] | None = None
        self._misc: asyncio.TimerHandle | None = None
        self._more: asyncio.Handle | None = None
        """Reads on, while the loop sees nothing to read."""
        self._lost = ""
        client = self._client = _Client(CallbackAPIVersion.VERSION2, client_id, reconnect_on_failure=False)
        client.connect_timeout = CONNECT_S
        client.will_set(status, OFFLINE, retain=True)
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        client.on_socket_close = self._closing

    # What the bridge does

    async def open(self) -> None:
        """Connect and log in."""
        try:
            await asyncio.to_thread(self._dial)
            found = self._client.socket()
            if found is None:
                raise BrokerLost(self._lost or "the connection ended at once")
            self._socket = found.fileno()
            self._loop.add_reader(self._socket, self._read)
            self._look_after()
            async with asyncio.timeout(CONNECT_S):
                await self._ready
        except TimeoutError:
            raise BrokerLost(f"{self._broker} doesn't answer") from None
        except ssl.SSLCertVerificationError as error:
            raise BrokerLost(f"the certificate of {self._broker} is not trusted: {error.verify_message}") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise BrokerLost(f"{self._broker} can't be reached: {why}") from None

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a retained message; an empty one removes what is retained. Call `drained` now and then."""
        if self._lost:
            raise BrokerLost(self._lost)
        self._client.publish(topic, payload, retain=True)

    async def drained(self) -> None:
        """Wait until the broker has taken all that was sent; others work meanwhile."""
        await asyncio.sleep(0)
        if self._client.want_write() and self._socket is not None:
            self._writable = self._loop.create_future()
            self._loop.add_writer(self._socket, self._write)
            try:
                async with asyncio.timeout(STUCK_S):
                    await self._writable
            except TimeoutError:
                raise BrokerLost(f"{self._broker} takes nothing any more") from None
            finally:
                self._writable = None
                if self._socket is not None:
                    self._loop.remove_writer(self._socket)
        if self._lost:
            raise BrokerLost(self._lost)

    def subscribe(self, topic: str) -> None:
        """Have its messages from now on, the retained ones first."""
        self._client.subscribe(topic)

    def unsubscribe(self, topic: str) -> None:
        """No longer."""
        self._client.unsubscribe(topic)

    def close(self) -> None:
        """Hang up. The broker announces no will after an orderly end, so that is done here; what can't be sent at once
        ends without order, and with the will."""
        if self._misc is not None:
            self._misc.cancel()
        self._client.on_message = None
        if self._ready.done() and not self._lost:
            self._client.publish(self._status, OFFLINE, retain=True)
            if not self._client.want_write():
                self._client.disconnect()
        self._closing()
        if (found := self._client.socket()) is not None:
            found.close()

    # What the library and the loop call

    def _dial(self) -> None:
        """In a thread: names are looked up, certificates read."""
        if self._broker.tls:
            try:
                context = ssl.create_default_context(cafile=self._broker.ca)
            except OSError as error:
                raise BrokerLost(f"mqtt_ca ({self._broker.ca}) can't be used: {error.strerror or error}") from None
            self._client.tls_set_context(context)
        self._client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)

    def _look_after(self) -> None:
        """Each second: pings, and whether they are answered."""
        self._client.loop_misc()
        self._misc = self._loop.call_later(1.0, self._look_after)

    def _read(self) -> None:
        """One packet; others have their turn before the next, however fast the broker sends."""
        self._read_no_more()
        self._client.loop_read()
        if isinstance(found := self._client.socket(), ssl.SSLSocket) and found.pending():
            self._more = self._loop.call_soon(self._read)  # it is decrypted already: the socket has nothing to say

    def _read_no_more(self) -> None:
        if self._more is not None:
            self._more.cancel()
            self._more = None

    def _write(self) -> None:
        self._client.loop_write()
        if self._writable is not None and not self._client.want_write():
            self._finish(self._writable)

    def _connected(self, _: object, __: object, ___: object, code: ReasonCode, *____: Any) -> None:
        if code.is_failure:
            self._lose(f"{self._broker} refuses us: {code}")
        else:
            self._finish(self._ready)

    def _disconnected(self, _: object, __: object, ___: object, code: ReasonCode, ____: Properties | None) -> None:
        self._lose(f"the connection to {self._broker} was lost ({code})")

    def _lose(self, why: str) -> None:
        self._lost = self._lost or why
        for waiting in (self._ready, self._writable):
            if waiting is not None and not waiting.done():
                waiting.set_exception(BrokerLost(self._lost))
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()  # it was seen

    def _received(self, _: object, __: object, message: paho.MQTTMessage) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            self._on_message(message.topic, bytes(message.payload), message.retain)

    def _closing(self, *_: object) -> None:
        """Before the socket is closed."""
        self._read_no_more()
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket = None

    @staticmethod
    def _finish(waiting: asyncio.Future[None]) -> None:
        if not waiting.done():
            waiting.set_result(None)
