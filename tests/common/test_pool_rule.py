"""What the Commander lets an operator order, every Sentry carries out, and the other way round."""

from __future__ import annotations

import itertools

import pytest

from rigfarm.commander.commands.model import check
from rigfarm.commander.refusals import Invalid
from rigfarm.common.pool_url import SCHEMES, BadPoolUrlError, asic_pool
from rigfarm.sentry.asic.commands import _check_pools
from rigfarm.sentry.asic.readers.base import Refused
from rigfarm.wire.commands import PoolLogin, SetPools

WHERE = [
    "pool.example:3333",
    "pool.example",
    "10.0.0.7:3333",
    "[2001:db8::1]:34254",
    "v2.pool.example/u95key",
    "pool.example:99999",
    "user:x@pool.example:3333",
]
ODD = [
    "",
    "pool.example",
    "pool.example:3333",
    "://x:1",
    "stratum+tcp://",
    "http:/x",
    "a b",
    "stratum+tcp://x:1\n--evil",
    "stratum+tcp://x:1'",
]
SCHEMES_TRIED = [
    "stratum+tcp",
    "stratum+ssl",
    "stratum+tls",
    "stratum2+tcp",
    "stratum+udp",
    "stratum",
    "tcp",
    "ssl",
    "tls",
]
SCHEMES_TRIED += [
    "http",
    "zmp",
    "node+tcp",
    "gopher",
    "javascript",
    "startum+tcp",
    "STRATUM+TCP",
    *sorted(SCHEMES)[::6],
]
LOGINS = [
    ("me.rig", "x"),
    ("me", ""),
    ("", "x"),
    (" me", "x"),
    ("me\nrm", "x"),
    ("m" * 301, "x"),
    ("me", "x\x00"),
    ("мой", "x"),
]


def orders() -> list[SetPools]:
    urls = [f"{scheme}://{where}" for scheme, where in itertools.product(SCHEMES_TRIED, WHERE)] + ODD
    some = [SetPools([PoolLogin(url, "me.rig", "x")]) for url in urls]
    some += [SetPools([PoolLogin("stratum+tcp://x.example:1", user, password)]) for user, password in LOGINS]
    good = PoolLogin("stratum+tcp://x.example:1", "me")
    return [*some, SetPools([]), SetPools([good] * 8), SetPools([good] * 9), SetPools([good, PoolLogin("x", "me")])]


def commander(order: SetPools) -> str:
    try:
        check(order)
    except Invalid:
        return "refused"
    return "accepted"


def sentry(order: SetPools) -> str:
    try:
        _check_pools(order)
    except Refused:
        return "refused"
    return "accepted"


def test_both_judge_hundreds_of_orders_alike() -> None:
    all_orders = orders()
    assert len(all_orders) >= 200
    verdicts = {(commander(order), sentry(order)) for order in all_orders}
    assert verdicts == {("accepted", "accepted"), ("refused", "refused")}


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("ss.example:3333", "stratum+tcp://ss.example:3333"),
        ("tcp://kas.example:4444", "stratum+tcp://kas.example:4444"),
        ("ssl://kas.example:4443", "stratum+ssl://kas.example:4443"),
        ("tls://kas.example:4443", "stratum+tls://kas.example:4443"),
        ("stratum://[2001:DB8::1]:3333", "stratum+tcp://[2001:db8::1]:3333"),
        ("stratum2+tcp://v2.example/u95key", "stratum2+tcp://v2.example/u95key"),
        ("stratum+tcp://x.example:3333#xnsub", "stratum+tcp://x.example:3333#xnsub"),
    ],
)
def test_an_asic_is_told_in_the_way_firmwares_take_it(typed: str, written: str) -> None:
    assert asic_pool(typed, "me", "x") == written
    assert _check_pools(SetPools([PoolLogin(typed, "me")])).pools[0].url == written


@pytest.mark.parametrize(
    "url", ["http://x.example:80", "zmp://x.example:1", "node+tcp://x.example:1", "wss://x.example"]
)
def test_an_asic_mines_with_stratum_only(url: str) -> None:
    with pytest.raises(BadPoolUrlError, match=r"stratum\+tcp://host:port"):
        asic_pool(url, "me", "x")
