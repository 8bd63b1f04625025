"""Many devices from a CSV: every mistake named with its line, and nothing taken before all is well."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigfarm.sentry.asic import CsvRejected
from rigfarm.sentry.asic.csv_import import MAX_LINES, CsvError, Entry, parse_csv
from rigfarm.sentry.asic.model import Login
from rigfarm.wire.tokens import new_token
from support.asic_trial import Sentry

TOKEN = new_token()


def test_it_works() -> None:
    text = f"""ip,name,token,username,password,model
    # the left rack
    192.168.1.17, S19 left ,{TOKEN},root,"pass,word",Antminer S19

    192.168.1.18
    192.168.1.19,KS5L,,,,IceRiver KS5L
    192.168.1.20,box,,,,pyasic
    """
    assert parse_csv(text) == (
        [
            Entry("192.168.1.17", "S19 left", TOKEN, Login("root", "pass,word")),
            Entry("192.168.1.18"),
            Entry("192.168.1.19", "KS5L", model="iceriver"),
            Entry("192.168.1.20", "box", model="pyasic"),
        ],
        [],
    )


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_other_spreadsheets(separator: str) -> None:
    lines = [
        separator.join(cells) for cells in (["ip", "token", "name"], ["10.0.0.1", TOKEN, "a"], ["10.0.0.2", "", "b"])
    ]
    assert parse_csv("\r\n".join(lines)) == ([Entry("10.0.0.1", "a", TOKEN), Entry("10.0.0.2", "b")], [])


def test_a_header_may_put_the_columns_in_another_order_only_with_ip_first() -> None:
    entries, errors = parse_csv("10.0.0.1,a\n10.0.0.2,b")
    assert ([entry.name for entry in entries], errors) == (["a", "b"], [])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("8.8.8.8", "not an address of a LAN"),
        ("rig-1,10.0.0.1", "not an IPv4 address"),
        (",name", "not an IPv4 address"),
        ("10.0.0.1,a,rf_short", "46 characters"),
        ("10.0.0.1,a,,root", "belong together"),
        ("10.0.0.1," + "x" * 65, "64 ordinary characters"),
        ("10.0.0.1,\x1b[2J", "64 ordinary characters"),
        ("10.0.0.1,a,,,,,,", "Too many columns"),
    ],
)
def test_each_mistake_has_its_line(line: str, why: str) -> None:
    entries, errors = parse_csv(f"10.0.0.7\n{line}\n10.0.0.8")
    assert [entry.ip for entry in entries] == ["10.0.0.7", "10.0.0.8"]
    assert [(error.line, why in error.message) for error in errors] == [(2, True)], errors


def test_the_same_thing_twice() -> None:
    _, errors = parse_csv(f"10.0.0.1,a,{TOKEN}\n10.0.0.1,b,{TOKEN}")
    assert len(errors) == 2
    assert "10.0.0.1" in errors[0].message
    assert TOKEN not in errors[1].message, "a token is not shown again"


def test_bounds() -> None:
    _, errors = parse_csv("\n".join(f"10.0.{i // 250}.{i % 250 + 1}" for i in range(MAX_LINES + 5)))
    assert errors[0].line == MAX_LINES + 1
    assert parse_csv("x" * (2 << 20))[1] == [CsvError(1, "This is too long for a list of devices.")]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    entries, errors = parse_csv(text)
    assert all(error.message for error in errors)
    assert all(entry.ip for entry in entries)


async def test_nothing_is_added_before_all_is_well(asics: Sentry) -> None:
    with pytest.raises(CsvRejected) as caught:
        await asics.service.add_csv("127.0.0.7\nnonsense")
    assert [error.line for error in caught.value.errors] == [2]
    assert asics.service.devices() == []
    with pytest.raises(CsvRejected):
        await asics.service.add_csv("\n\n")
    views = await asics.service.add_csv("127.0.0.7,a\n127.0.0.8,b")
    assert [view.name for view in views] == ["a", "b"]
