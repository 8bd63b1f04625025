"""The LAN address is found without sending a packet."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import psutil
import pytest

from rigfarm.common.lan import lan_address
from rigfarm.sentry.rig.address import lan_ip


def test_it_is_the_address_of_the_route() -> None:
    assert lan_address(("127.0.0.1", 9)) == "127.0.0.1"


def test_nothing_is_sent() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        assert lan_address(listener.getsockname()) == "127.0.0.1"
        with pytest.raises(BlockingIOError):
            listener.recv(1)


@pytest.fixture
def no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(self: socket.socket, address: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)


def _interfaces(monkeypatch: pytest.MonkeyPatch, **addresses: tuple[str, bool]) -> None:
    entry = {
        name: [SimpleNamespace(family=socket.AF_INET, address=address)] for name, (address, _) in addresses.items()
    }
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: entry)
    monkeypatch.setattr(
        psutil, "net_if_stats", lambda: {n: SimpleNamespace(isup=up) for n, (_, up) in addresses.items()}
    )


@pytest.mark.usefixtures("no_route")
def test_without_a_way_out_it_is_the_first_private_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _interfaces(
        monkeypatch,
        enp1=("10.0.0.7", False),
        enp2=("169.254.3.3", True),
        enp3=("192.168.4.20", True),
        lo=("127.0.0.1", True),
        wlan=("192.168.9.9", True),
    )
    assert lan_ip() == "192.168.4.20"


@pytest.mark.usefixtures("no_route")
def test_without_a_network_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    _interfaces(monkeypatch, lo=("127.0.0.1", True))
    assert lan_ip() is None
