"""What a stranger sends on a WebSocket ends that WebSocket, in words, and leaves no traceback in the log."""

from __future__ import annotations

import base64
import contextlib
import random
import socket
import struct
from collections.abc import Iterator

import httpx
import pytest

from rigfarm.simulate.commander import CommanderProcess

QUICK = """
import rigfarm.commander.server.web_sockets as ws
ws.WHOLE_WITHIN_S = ws.CLOSE_WITHIN_S = 1.0
"""
MUCH = 20_000


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("commander"), mutation=QUICK) as one:
        yield one
        assert "Traceback" not in one.log.read_text()


@pytest.fixture(scope="module")
def cookie(commander: CommanderProcess) -> str:
    with httpx.Client(base_url=commander.url, headers={"Origin": commander.url}, timeout=60) as browser:
        assert browser.post("/login", data={"password": commander.password}).status_code == 303
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


def asked(commander: CommanderProcess, path: bytes, cookie: str = "") -> socket.socket:
    """A socket that has asked for a WebSocket."""
    one = socket.create_connection(("127.0.0.1", commander.port))
    one.settimeout(60)
    more = f"Cookie: {cookie}\r\nOrigin: {commander.url}\r\n" if cookie else ""
    key = base64.b64encode(b"x" * 16).decode()
    one.sendall(
        b"GET " + path + f" HTTP/1.1\r\nHost: 127.0.0.1:{commander.port}\r\nUpgrade: websocket\r\n{more}"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )  # fmt: skip
    return one


def opened(commander: CommanderProcess, path: bytes, cookie: str = "") -> socket.socket:
    """A WebSocket."""
    one = asked(commander, path, cookie)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += one.recv(4096)
    assert b" 101 " in answer.partition(b"\r\n")[0]
    return one


def frame(opcode: int, data: bytes = b"", *, last: bool = True, size: int | None = None) -> bytes:
    size = len(data) if size is None else size
    head = bytes([(0x80 if last else 0) | opcode])
    if size < 126:
        return head + bytes([0x80 | size]) + b"\0\0\0\0" + data
    return head + bytes([0x80 | 127]) + struct.pack("!Q", size) + b"\0\0\0\0" + data


def rest(one: socket.socket) -> bytes:
    """All that comes until the Commander ends it; fails when it does not."""
    found = b""
    try:
        while more := one.recv(65536):
            found += more
    except ConnectionError:
        pass
    return found


SENT = {
    "pings": frame(9, b"x" * 125) * MUCH,
    "pongs": frame(10) * MUCH,
    "a message in empty pieces": frame(1, last=False) + frame(0, last=False) * MUCH,
    "empty messages": frame(2) * MUCH,
    "a message that does not end": frame(2, b"x" * 100, size=200),
    "a message that is too large": frame(2, b"x", size=1 << 40),
    "no message": random.Random(7).randbytes(4000),
    "an opcode that does not exist": frame(3),
    "text that is none": frame(1, b"\xff\xfe"),
    "a code that cannot be": frame(8, struct.pack("!H", 5)),
    "half a code": frame(8, b"\x03"),
    "no mask": b"\x82\x03abc",
    "reserved bits": b"\xf2\x80\0\0\0\0",
}


@pytest.mark.parametrize("page", [False, True], ids=["link", "page"])
@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
def test_it_is_ended(commander: CommanderProcess, cookie: str, sent: bytes, page: bool) -> None:
    path = b"/live?page=/rigs" if page else b"/link"
    if page and sent is SENT["empty messages"]:
        pytest.skip("a page says nothing by them, and hears nothing")
    with opened(commander, path, cookie if page else "") as one:
        with contextlib.suppress(ConnectionError):
            one.sendall(sent)
        rest(one)


def test_few_pings_are_answered(commander: CommanderProcess) -> None:
    with opened(commander, b"/link") as one:
        one.sendall(frame(9, b"still there?") * 3)
        found = b""
        while found.count(b"still there?") < 3:
            found += one.recv(4096)


@pytest.mark.parametrize("path", [b"/link" + b"x" * 9000, b"/nowhere", b"/live", b"/link?\xff", b"/\xff", b"/%00"])
def test_what_cannot_be_opened_is_answered(commander: CommanderProcess, path: bytes) -> None:
    with asked(commander, path) as one:
        assert rest(one).startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("path", [b"/link", b"/live?page=/rigs", b"/nowhere"])
@pytest.mark.parametrize("how", ["hung up", "reset", "half closed"])
def test_one_who_leaves_leaves_nothing_behind(commander: CommanderProcess, cookie: str, path: bytes, how: str) -> None:
    for wait in (False, True):
        if wait and path == b"/nowhere":
            continue
        with opened(commander, path, cookie) if wait else asked(commander, path, cookie) as one:
            if how == "reset":
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif how == "half closed":
                one.shutdown(socket.SHUT_WR)
                rest(one)


def test_an_attacker_cannot_fill_the_list_of_incidents(commander: CommanderProcess) -> None:
    for size in range(1 << 30, (1 << 30) + 20):
        with opened(commander, b"/link") as one:
            one.sendall(frame(2, size=size))
            rest(one)
    listed = commander.api("GET", "/api/incidents")
    assert isinstance(listed, list)
    assert {one["source"] for one in listed} == {"127.0.0.1"}
    assert len(listed) < 20
