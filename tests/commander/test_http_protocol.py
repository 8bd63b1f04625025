"""A stranger who says little, or too much, before it is known what he wants is hung up on; who is only slow is not."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from rigfarm.simulate.commander import CommanderProcess

QUICK = """
import rigfarm.commander.auth.gate as gate, rigfarm.commander.http_protocol as heads
heads.HEAD_WITHIN_S, gate.OPEN_WITHIN_S = 0.5, 4.0
"""


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("commander"), mutation=QUICK) as one:
        yield one


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
