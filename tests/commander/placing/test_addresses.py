"""Ranges of addresses: a rig lies in a subnet exactly if its address does, however either is written."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigfarm.commander.placing.matching.addresses import Address, inside, known_address, read_range
from rigfarm.commander.placing.matching.pattern import Pattern
from rigfarm.commander.refusals import Invalid

IPS = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6, network="fd00::/8"))


@given(IPS, IPS, st.integers(0, 32), st.booleans())
def test_an_address_is_inside_if_its_first_bits_are_those_of_the_subnet(
    one: Address, other: Address, length: int, near: bool
) -> None:
    wanted = read_range(f"{one}/{length}")
    assert not isinstance(wanted, Pattern)
    asked = wanted[-1] if near else other
    same = asked.version == one.version and int(asked) >> asked.max_prefixlen - length == (
        int(one) >> one.max_prefixlen - length
    )
    assert (inside(asked, wanted) is not None) == same
    assert read_range(str(wanted)) == wanted, "as it is stored, it is read again"


def test_an_address_that_a_rig_says_is_one_or_unknown() -> None:
    assert known_address("10.1.2.3") == ipaddress.ip_address("10.1.2.3")
    assert known_address("::ffff:10.1.2.3") == ipaddress.ip_address("10.1.2.3")
    assert str(known_address("fe80::1%eth0")) == "fe80::1"
    assert known_address("10.1.2") is None
    assert known_address("x" * 64) is None


def test_a_subnet_that_carries_ipv4_is_written_as_rigs_have_their_addresses() -> None:
    asked = known_address("::ffff:10.1.2.3")
    assert asked is not None
    for text, stored in (
        ("::ffff:10.1.2.0/120", "10.1.2.0/24"),
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ("64:ff9b::10.1.0.0/112", "10.1.0.0/16"),
    ):
        assert str(read_range(text)) == stored
        assert inside(asked, read_range(text)) == {}
    assert str(read_range("::/0")) == "::/0"
    assert str(read_range("::ffff:0:0/90")) == "::ffc0:0:0/90"


def test_an_address_can_be_taken_apart() -> None:
    wanted = read_range("10.1.{rack:number}.{slot}")
    assert inside(ipaddress.ip_address("10.1.2.33"), wanted) == {"rack": "2", "slot": "33"}
    assert inside(ipaddress.ip_address("10.11.2.33"), wanted) is None
    assert inside(ipaddress.ip_address("fd00::1"), read_range("fd00::*")) == {}


@pytest.mark.parametrize("text", ["10.1.2", "10.1.2.0/33", "hall-1", "10.1.2.0/24 10.1.3.0/24", "::/129", "10.{x"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_range(text)
