"""A pool's URL: what mining programs accept is kept as typed, the rest is refused with what would be right."""

from __future__ import annotations

import pytest

from rigfarm.commander.addresses.pool_url import SCHEMES, BadPoolUrlError, parse_pool_url


def test_it_works() -> None:
    url = parse_pool_url(" stratum+ssl://Pool.Example:3333 ")
    assert (url.scheme, url.host, url.port, url.tls) == ("stratum+ssl", "pool.example", 3333, True)
    assert str(url) == "stratum+ssl://pool.example:3333"
    assert url.endpoint == "pool.example:3333"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("pool.example:3333", "stratum+tcp://pool.example:3333"),
        ("10.0.0.7:1", "stratum+tcp://10.0.0.7:1"),
        ("stratum2+tcp://[2001:DB8::1]:34254/key", "stratum2+tcp://[2001:db8::1]:34254/key"),
        ("stratum+tcp://kheavyhash.example:3500#xnsub", "stratum+tcp://kheavyhash.example:3500#xnsub"),
        ("daemon+http://127.0.0.1:18081/", "daemon+http://127.0.0.1:18081"),
        ("https://node.example:8545/0xabc/rig", "https://node.example:8545/0xabc/rig"),
    ],
)
def test_what_is_kept(typed: str, kept: str) -> None:
    assert str(parse_pool_url(typed)) == kept
    assert str(parse_pool_url(kept)) == kept


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "no host|lacks the port"),
        ("pool.example", "lacks the port"),
        ("pool.example:0", "lacks the port"),
        ("pool.example:99999", "1 to 65535"),
        ("pool.example:http", "1 to 65535"),
        ("gopher://pool.example:70", "stratum"),
        ("javascript://pool.example:70", "stratum"),
        ("stratum+tcp://:3333", "no host"),
        ("stratum+tcp://-pool.example:3333", "no host name"),
        ("stratum+tcp://pool..example:3333", "no host name"),
        ("stratum+tcp://1.2.3.999:3333", "no IP address"),
        ("stratum+tcp://[::g]:3333", "no IP|port"),
        ("stratum+tcp://wallet:x@pool.example:3333", "template"),
        ("stratum+tcp://pool.example:3333 --donate 100", "blank"),
        ("stratum+tcp://pool.example:3333\n", None),
        ("stratum+tcp://pool.exämple:3333", "special"),
        ("stratum+tcp://pool.example:3333/`id`", "character"),
        ("stratum+tcp://pool.example:3333/'", "character"),
        ("stratum+tcp://" + "a" * 300 + ":1", "300"),
    ],
)
def test_what_is_refused(typed: str, says: str | None) -> None:
    if says is None:
        assert "\n" not in str(parse_pool_url(typed))
        return
    with pytest.raises(BadPoolUrlError, match=says):
        parse_pool_url(typed)


def test_every_scheme_says_whether_it_is_encrypted() -> None:
    for scheme, tls in SCHEMES.items():
        assert parse_pool_url(f"{scheme}://pool.example:1").tls is tls
        assert tls is any(word in scheme for word in ("ssl", "tls", "https", "wss", "tcps"))
