"""A stranger who says little, or too much, or does not read, is hung up on; who is only slow is not. What is broken off
leaves no traceback in the log."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator

import pytest

from rigfarm.simulate.commander import CommanderProcess

QUICK = """
import rigfarm.commander.auth.gate as gate, rigfarm.commander.server.http_protocol as heads
heads.HEAD_WITHIN_S, gate.OPEN_WITHIN_S, heads.GRACE_S, heads.CLOSE_WITHIN_S = 0.5, 4.0, 8.0, 1.0
"""


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("commander"), mutation=QUICK) as one:
        yield one
        assert "Traceback" not in one.log.read_text()


def connected(commander: CommanderProcess) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", commander.port))
    one.settimeout(30)
    return one


def hung_up(one: socket.socket) -> bool:
    """Whether the Commander ends the connection, with an error or without; fails when it keeps it."""
    try:
        answer = one.recv(65536)
        while more := one.recv(65536):
            answer += more
        return answer[:10] in (b"", b"HTTP/1.1 4")
    except ConnectionError:
        return True


@pytest.mark.parametrize("said", [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(commander: CommanderProcess, said: bytes) -> None:
    with connected(commander) as one:
        one.sendall(said)
        assert hung_up(one)


@pytest.mark.parametrize("start", [b"GET /", b"GET /healthz HTTP/1.1\r\nX: ", b"GET /healthz HTTP/1.1\r\n"])
def test_a_head_without_end_is_not_kept(commander: CommanderProcess, start: bytes) -> None:
    piece = b"X-More: 1\r\n" * 1_000 if start.endswith(b"\n") else b"x" * 10_000
    sent = 0
    with connected(commander) as one:
        try:
            one.sendall(start)
            while sent < 100 << 20:
                one.sendall(piece)
                sent += len(piece)
        except ConnectionError:
            pass
        assert sent < 50 << 20
        assert hung_up(one)


def test_a_slow_body_and_a_kept_connection_are_fine(commander: CommanderProcess) -> None:
    body = b"password=wrong"
    head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{commander.port}\r\nContent-Length: {len(body)}\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    with connected(commander) as one:
        for _ in range(2):
            one.sendall(head.encode())
            time.sleep(1.0)
            one.sendall(body)
            answer = b""
            while b"</html>" not in answer:
                answer += one.recv(65536)
            assert b" 401 " in answer.partition(b"\r\n")[0]


def test_a_strangers_body_is_small_and_comes_soon(commander: CommanderProcess) -> None:
    for size, sent, status in ((100, 10, b" 408 "), (20_000, 20_000, b" 413 ")):
        head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{commander.port}\r\nContent-Length: {size}\r\n"
        head += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        with connected(commander) as one:
            one.sendall(head.encode() + b"p" * sent)
            assert status in one.recv(65536).partition(b"\r\n")[0]


PATHS = ["/login", "/rigs", "/nowhere", "/healthz", "/api/rigs", "/static/x", "/settings/api-keys"]


@pytest.mark.parametrize("path", PATHS)
def test_an_answer_that_does_not_wait_for_the_body_ends_the_connection(commander: CommanderProcess, path: str) -> None:
    """They stayed open for ever after their answer."""
    with connected(commander) as one:
        one.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc".encode())
        answer = b""
        while more := one.recv(65536):
            answer += more
        assert answer[:10] in (b"HTTP/1.1 4", b"HTTP/1.1 3")
        assert b"connection: close" in answer.lower()


def test_an_api_body_that_drips_is_not_waited_for(commander: CommanderProcess) -> None:
    head = f"POST /api/rigs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {commander.key}\r\nContent-Length: 100000\r\n"
    with connected(commander) as one:
        one.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n[")
        one.settimeout(0.2)
        answer = b""
        while not answer:
            try:
                one.sendall(b" ")
                answer = one.recv(65536)
            except TimeoutError:
                continue
        assert b" 408 " in answer.partition(b"\r\n")[0]


def send_until_it_ends(one: socket.socket, piece: bytes, most: int, every_s: float = 0.0) -> None:
    """Fails when the Commander takes all of it."""
    try:
        for _ in range(most):
            one.sendall(piece)
            time.sleep(every_s)
    except ConnectionError:
        return
    pytest.fail("it was not hung up on")


MANY = {
    "requests": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3000,
    "headers": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
    "trailers": b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 1000,
    "empty lines": b"\r\n" * 1000,
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "another method": b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "another version": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an upgrade": b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
}


@pytest.mark.parametrize("sent", MANY.values(), ids=MANY)
def test_too_many_of_anything_end_the_connection(commander: CommanderProcess, sent: bytes) -> None:
    with connected(commander) as one:
        try:
            one.sendall(sent)
            while one.recv(65536):
                pass
        except ConnectionError:
            pass


def test_chunks_that_are_next_to_nothing_are_not_taken(commander: CommanderProcess) -> None:
    with connected(commander) as one:
        one.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        send_until_it_ends(one, b"1;" + b"x" * 1000 + b"\r\na\r\n", 100_000)


def test_one_who_does_not_read_is_hung_up_on(commander: CommanderProcess) -> None:
    with connected(commander) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        send_until_it_ends(one, b"GET /static/vendor/tabler.css HTTP/1.1\r\nHost: x\r\n\r\n", 10_000, 0.05)


@pytest.mark.parametrize("how", ["hung up", "reset", "half closed"])
@pytest.mark.parametrize("path", ["/login", "/api/rigs", "/rigs/many/preview", "/software/1/upload", "/"])
@pytest.mark.parametrize(
    "body", [b"", b"Content-Length: 1000\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"]
)
def test_what_is_broken_off_leaves_nothing_behind(
    commander: CommanderProcess, path: str, body: bytes, how: str
) -> None:
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {commander.key}\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\n"
    with connected(commander) as one:
        one.sendall(head.encode() + (body or b"\r\n"))
        if how == "reset":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif how == "half closed":
            one.shutdown(socket.SHUT_WR)
            hung_up(one)
