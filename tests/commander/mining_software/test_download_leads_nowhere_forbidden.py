"""No URL, no redirect and no name that changes its mind makes the Commander knock where it must not."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import pytest

from rigfarm.commander.outbound.download import FetchError, open_download
from rigfarm.commander.outbound.guarded import GuardedBackend
from rigfarm.commander.outbound.reach import Reach

HOSTS = [
    "127.0.0.1", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "017700000001",
    "127.000.000.001", "0", "0.0.0.0", "localhost", "LOCALHOST", "[::1]", "[::]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]", "169.254.169.254", "0xa9fea9fe", "2852039166",
    "169.16689662", "[::ffff:169.254.169.254]", "[fe80::1]", "[fec0::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    "10.0.0.1", "10.1", "0xa.0.0.1", "192.168.1.1", "192.168.257", "172.16.0.1", "[fd00::1]", "100.64.0.1",
    "224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1",
]  # fmt: skip
URLS = [f"{scheme}://{host}{port}/x" for host in HOSTS for scheme in ("https", "http") for port in ("", ":22", ":8080")]


async def _fetch(url: str, reach: Reach, tls: ssl.SSLContext, *, lan: bool = False) -> bytes:
    async with open_download(url, lan=lan, limit=1 << 20, reach=reach, tls=tls) as download:
        return b"".join([chunk async for chunk in download.chunks])


@pytest.fixture
def knocks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address that would be connected to; none is."""
    found: list[str] = []

    async def connect(_: httpcore.AnyIOBackend, host: str, *rest: Any) -> httpcore.AsyncNetworkStream:
        found.append(host)
        raise httpcore.ConnectError(host)

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    return found


async def test_240_urls_are_not_knocked_at(knocks: list[str], client_tls: ssl.SSLContext) -> None:
    assert len(URLS) == 240
    for url in URLS:
        with pytest.raises(FetchError):
            await _fetch(url, Reach(), client_tls)
    assert knocks == []


async def test_a_public_name_is_knocked_at(
    knocks: list[str], names: dict[str, list[str]], client_tls: ssl.SSLContext
) -> None:
    names["public.test"] = ["93.184.216.34", "2606:2800:220:1::1"]
    with pytest.raises(FetchError, match="cannot be reached"):
        await _fetch("https://public.test/x", Reach(), client_tls)
    assert knocks == ["93.184.216.34", "2606:2800:220:1::1"]


async def test_a_name_with_one_forbidden_address_is_not_knocked_at(
    knocks: list[str], names: dict[str, list[str]], client_tls: ssl.SSLContext
) -> None:
    names["rebind.test"] = ["93.184.216.34", "127.0.0.1"]
    with pytest.raises(FetchError, match=r"127\.0\.0\.1"):
        await _fetch("https://rebind.test/x", Reach(), client_tls)
    assert knocks == []


async def _redirected(origin: Any, names: dict[str, list[str]], reach: Reach, tls: ssl.SSLContext) -> Any:
    """A mirror of the LAN that sends whoever asks on to the Commander's own machine; returns who listens there."""
    victim = type(origin)()
    await victim.listen("127.0.0.1")
    victim.serve("/x", b"secret")
    names["mirror.test"] = ["127.0.1.7"]
    names["inside.test"] = ["127.0.0.1"]
    for path, target in {
        "/by-address": f"http://127.0.0.1:{victim.port}/x",
        "/by-name": f"http://inside.test:{victim.port}/x",
        "/without-scheme": f"//127.0.0.1:{victim.port}/x",
        "/to-http": f"http://localhost:{victim.port}/x",
    }.items():
        origin.redirect(path, target)
        with pytest.raises(FetchError):
            await _fetch(f"http://mirror.test:{origin.port}{path}", reach, tls, lan=True)
    await victim.close()
    return victim


async def test_a_redirect_is_judged_like_the_first_url(
    origin: Any, names: dict[str, list[str]], reach: Reach, client_tls: ssl.SSLContext
) -> None:
    victim = await _redirected(origin, names, reach, client_tls)
    assert victim.connections == 0
    assert len(origin.asked) == 4


class _OnlyTheFirst(GuardedBackend):
    """The control: looks at the first connection, and trusts every redirect."""

    looked = False

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if not _OnlyTheFirst.looked:
            _OnlyTheFirst.looked = True
            return await super().connect_tcp(host, port, timeout, local_address, socket_options)
        return await httpcore.AnyIOBackend().connect_tcp(host, port, timeout)


async def test_control_a_check_before_the_redirect_only_is_found_out(
    origin: Any,
    names: dict[str, list[str]],
    reach: Reach,
    client_tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rigfarm.commander.outbound.download.GuardedBackend", _OnlyTheFirst)
    monkeypatch.setattr("rigfarm.commander.outbound.download.check_url", lambda url, *, lan: None)
    with pytest.raises(pytest.fail.Exception):
        await _redirected(origin, names, reach, client_tls)


async def test_a_redirect_to_another_host_of_the_lan_was_not_asked_for(
    origin: Any, names: dict[str, list[str]], reach: Reach, client_tls: ssl.SSLContext
) -> None:
    names["mirror.test"] = ["127.0.1.7"]
    names["printer.test"] = ["127.0.1.7"]
    origin.redirect("/x", f"http://printer.test:{origin.port}/y")
    origin.serve("/y", b"never")
    with pytest.raises(FetchError):
        await _fetch(f"http://mirror.test:{origin.port}/x", reach, client_tls, lan=True)
    assert origin.asked == ["/x"]


async def test_a_name_that_changes_its_mind_is_not_asked_twice(
    origin: Any, reach: Reach, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address that was looked at is the one that is connected to: there is no second look-up."""
    lookups: list[str] = []

    def lookup(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host != "rebind.test":
            return real(host, port, *args, **kwargs)
        lookups.append(host)
        return real("127.0.1.7" if len(lookups) == 1 else "127.0.0.1", port, *args, **kwargs)

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    origin.serve("/x", b"body")
    assert await _fetch(f"http://rebind.test:{origin.port}/x", reach, client_tls, lan=True) == b"body"
    assert lookups == ["rebind.test"]
