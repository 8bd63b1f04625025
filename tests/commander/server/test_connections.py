"""A stranger who opens all the connections he can leaves room for the owner and for rigs."""

from __future__ import annotations

import socket

import pytest

from rigfarm.commander.server.accept import MAX_WAITING_PER_ADDRESS, WaitingRoom
from rigfarm.commander.server.connections import (
    FAIR_PER_ADDRESS,
    KNOWN_S,
    MAX_LARGE_HELLOS_PER_ADDRESS,
    OWNERS_KEPT,
    PER_ADDRESS,
    Connection,
    Connections,
    Standing,
    network_of,
)
from rigfarm.commander.server.incidents import Incidents


class Peer:
    """Our end of a connection: remembers whether it was ended."""

    def __init__(self) -> None:
        self.aborted = False
        self.bytes = 0

    def check(self, now: float) -> None: ...

    def abort(self) -> None:
        self.aborted = True

    def unread(self) -> int:
        return self.bytes

    def authenticated(self) -> None: ...


class Farm:
    """Connections with a clock of their own."""

    def __init__(self, files: int = 1024, trusted: tuple[str, ...] = ()) -> None:
        self.now = 0.0
        self.incidents = Incidents()
        self.all = Connections(self.incidents, trusted, files=files, clock=lambda: self.now)

    def connect(self, address: str) -> Connection | None:
        connection = self.all.admit(address)
        if connection is not None:
            connection.peer = Peer()
        return connection

    def opened(self, address: str, count: int) -> list[Connection]:
        made = [self.connect(address) for _ in range(count)]
        return [one for one in made if one is not None]

    @property
    def noted(self) -> list[str]:
        return [f"{one.source} {one.kind}: {one.action}" for one in self.incidents.all()]


@pytest.fixture
def farm() -> Farm:
    return Farm()


def living(connections: list[Connection]) -> int:
    return sum(not one.ended for one in connections)


def test_one_address_has_a_part_and_its_oldest_makes_room(farm: Farm) -> None:
    first, *rest = farm.opened("192.0.2.7", PER_ADDRESS + 1)
    assert first.ended
    assert living(rest) == PER_ADDRESS
    assert farm.noted == [f"192.0.2.7 opened more than {PER_ADDRESS} connections without logging in: the ones that "
                          "waited longest are closed"]  # fmt: skip


def test_what_is_under_way_is_not_cut_for_the_same_address(farm: Farm) -> None:
    for one in farm.opened("192.0.2.7", PER_ADDRESS):
        one.work()
    assert farm.connect("192.0.2.7") is None
    assert farm.connect("192.0.2.8") is not None


def test_many_addresses_share_what_strangers_may_have(farm: Farm) -> None:
    made = [one for host in range(250) for one in farm.opened(f"198.51.100.{host}", 3)]
    assert living(made) == farm.all.share < 1024 / 4
    assert len(farm.all) == farm.all.share


def test_a_newcomer_gets_in_though_strangers_hold_all_they_may_with_requests_under_way(farm: Farm) -> None:
    for host in range(10):
        for one in farm.opened(f"198.51.100.{host}", PER_ADDRESS):
            one.work()
    owner = farm.connect("203.0.113.9")
    assert owner is not None
    assert not owner.ended


def test_addresses_with_little_are_not_cut_for_a_newcomer(farm: Farm) -> None:
    for host in range(200):
        for one in farm.opened(f"198.51.100.{host}", FAIR_PER_ADDRESS):
            one.work()
    assert farm.connect("203.0.113.9") is None
    assert any("203.0.113.9 connected while all connections for strangers" in line for line in farm.noted)


def test_known_addresses_have_a_share_that_strangers_cannot_use_up(farm: Farm) -> None:
    rig = farm.connect("203.0.113.5")
    assert rig is not None
    assert rig.greeted()
    for host in range(200):
        for one in farm.opened(f"198.51.100.{host}", FAIR_PER_ADDRESS):
            one.work()
    assert farm.connect("203.0.113.9") is None
    again = farm.connect("203.0.113.5")
    assert again is not None
    assert again.standing is Standing.NEIGHBOR
    farm.now += KNOWN_S
    assert farm.connect("203.0.113.5") is None


def test_who_logged_in_counts_no_longer_as_a_stranger(farm: Farm) -> None:
    for _ in range(PER_ADDRESS * 2):
        (one,) = farm.opened("192.0.2.7", 1)
        one.login()
    assert len(farm.all) == PER_ADDRESS * 2
    assert not farm.noted


def test_behind_a_trusted_proxy_nobody_is_locked_out_by_its_address() -> None:
    farm = Farm(files=8192, trusted=("192.0.2.0/24",))
    made = [farm.connect("192.0.2.1") for _ in range(farm.all.share)]
    assert all(one is not None and not one.ended for one in made)


def test_rigs_leave_connections_to_people(farm: Farm) -> None:
    greeted = 0
    for number in range(2000):
        one = farm.connect(f"10.0.{number // 250}.{number % 250}")
        if one is not None and not one.ended:
            if one.greeted():
                greeted += 1
            else:
                one.end()
    assert greeted == farm.all.capacity - OWNERS_KEPT
    owner = farm.connect("203.0.113.9")
    assert owner is not None
    owner.login()
    assert not owner.ended
    assert any("raise LimitNOFILE" in line for line in farm.noted)


def test_an_idle_login_makes_room_when_every_connection_is_used(farm: Farm) -> None:
    owners = farm.opened("203.0.113.9", 1)
    owners[0].login()
    for number in range(2000):
        one = farm.connect(f"10.0.{number // 250}.{number % 250}")
        if one is not None:
            one.login()
            one.work()
    assert owners[0].ended
    assert len(farm.all) <= farm.all.capacity


def test_few_long_first_messages_may_be_on_their_way(farm: Farm) -> None:
    made = farm.opened("192.0.2.7", MAX_LARGE_HELLOS_PER_ADDRESS + 1)
    assert [one.large_hello() for one in made] == [True] * MAX_LARGE_HELLOS_PER_ADDRESS + [False]
    made[0].end()
    assert made[-1].large_hello()


def test_what_strangers_leave_unread_is_bounded(farm: Farm) -> None:
    made = [one for host in range(20) for one in farm.opened(f"198.51.100.{host}", 10)]
    for one in made:
        peer = one.peer
        assert isinstance(peer, Peer)
        peer.bytes = 1 << 20
    farm.all.sweep()
    assert living(made) == 32


def test_everything_that_ends_is_forgotten(farm: Farm) -> None:
    made = farm.opened("192.0.2.7", 50)
    for number, one in enumerate(made):
        one.work()
        if number % 2:
            one.greeted()
        one.end()
        one.end()
        one.wait()
        one.login()
    assert len(farm.all) == 0
    assert not any(farm.all._pools.values())
    assert not any(farm.all._waiting.values())
    assert not farm.all._by_network
    assert not farm.all._rigs


def test_an_ipv6_address_counts_as_its_network() -> None:
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1")
    assert network_of("::ffff:192.0.2.7") == network_of("192.0.2.7")
    assert network_of("fe80::1%eth0") == network_of("fe80::2")
    assert network_of("unknown") == "unknown"


def test_strangers_who_wait_take_turns_by_address() -> None:
    """An owner at a new address is not behind the hundreds of an attacker."""
    room = WaitingRoom(1000)
    refused = [room.add(socket.socket(), "attacker", "192.0.2.7") for _ in range(MAX_WAITING_PER_ADDRESS + 5)]
    assert refused == [None] * MAX_WAITING_PER_ADDRESS + ["attacker"] * 5
    assert room.add(socket.socket(), "owner", "203.0.113.9") is None
    assert [room.pop()[1] for _ in range(3)] == ["192.0.2.7", "203.0.113.9", "192.0.2.7"]
    assert len(room.take("attacker")) == MAX_WAITING_PER_ADDRESS - 2
    assert len(room) == 0


def test_a_full_waiting_room_refuses_those_who_take_most_of_it() -> None:
    room = WaitingRoom(20)
    for _ in range(15):
        room.add(socket.socket(), "attacker", "192.0.2.7")
    refused = [room.add(socket.socket(), f"guest {number}", "203.0.113.9") for number in range(10)]
    assert refused == [None] * 5 + ["attacker"] * 5
    room.close()
    assert len(room) == 0
