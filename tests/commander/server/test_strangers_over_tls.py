"""The bounds hold where TLS is spoken too, and for those who never finish speaking it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import pytest

from rigfarm.simulate.commander import CommanderProcess

QUICK = """
import rigfarm.commander.server.accept as accept, rigfarm.commander.server.http_protocol as http
accept.TLS_WITHIN_S, http.HEAD_WITHIN_S, http.GRACE_S, http.LINGER_S = 1.0, 0.5, 2.0, 0.5
"""


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("commander"), mutation=QUICK, tls=True) as one:
        yield one
        assert "Traceback" not in one.log.read_text()


def raw(commander: CommanderProcess) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", commander.port))
    one.settimeout(60)
    return one


def secure(commander: CommanderProcess) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(raw(commander))


def rest(one: socket.socket) -> bytes:
    found = b""
    try:
        while more := one.recv(65536):
            found += more
    except (ConnectionError, ssl.SSLError):
        pass
    return found


@pytest.mark.parametrize("said", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"\x16\x03\x01\x00\x05hello"])
def test_a_handshake_that_does_not_end_is_ended(commander: CommanderProcess, said: bytes) -> None:
    with raw(commander) as one:
        one.sendall(said)
        rest(one)


def test_who_does_not_finish_a_handshake_is_named(commander: CommanderProcess) -> None:
    with raw(commander) as one:
        one.sendall(b"\x16\x03\x01")
        rest(one)
    listed = commander.api("GET", "/api/incidents")
    assert isinstance(listed, list)
    assert any(one["source"] == "127.0.0.1" and "TLS handshake" in one["what"] for one in listed)


@pytest.mark.parametrize("said", [b"", b"GET /", b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na"])
def test_a_request_that_does_not_end_is_ended(commander: CommanderProcess, said: bytes) -> None:
    with secure(commander) as one:
        one.sendall(said)
        answer = rest(one)
        assert not answer or b" 408 " in answer.partition(b"\r\n")[0]


def test_an_answer_that_does_not_wait_for_the_body_is_read_whole(commander: CommanderProcess) -> None:
    with secure(commander) as one:
        one.sendall(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc")
        assert b"</html>" in rest(one)
