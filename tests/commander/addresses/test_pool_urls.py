"""A pool's URL: what mining programs accept is kept as typed, the rest is refused with what would be right."""

from __future__ import annotations

import pytest

from rigfarm.common.pool_url import SCHEMES, BadPoolUrlError, parse_pool_url, pool_warning

ENCRYPTED = {"ssl", "tls", "tls12", "tls13", "tcps", "https", "wss", "grpcs", "stratums", "zmp", "xatum"}


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
        ("zmp+tcp://us-zil.example:3333", "zmp+tcp://us-zil.example:3333"),
        ("zmp://zil.example", "zmp://zil.example"),
        ("node+tcp://127.0.0.1:16110", "node+tcp://127.0.0.1:16110"),
        ("grpc://127.0.0.1:16110", "grpc://127.0.0.1:16110"),
        ("alphstratum+ssl://alph.example:3106", "alphstratum+ssl://alph.example:3106"),
        ("stratum1+tls12://eth.example:5555", "stratum1+tls12://eth.example:5555"),
        ("stratum2+tcp://v2.example/u95GEReVMjK6k5YqiSFNqqTnKU4ypU2Wm8awa6tmbmDmk1bWt", None),
        ("wss://dero.example", "wss://dero.example"),
        ("Startum+TCP://pool.example:3333", "startum+tcp://pool.example:3333"),
    ],
)
def test_what_is_kept(typed: str, kept: str | None) -> None:
    kept = typed if kept is None else kept
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
        ("stratum+tcp://pool.example", "lacks the port"),
        ("zmp://zil.example:0", "lacks the port"),
        ("daemon+http://node.example", "lacks the port"),
        ("strat um://pool.example:1", "blank"),
        ("a_b://pool.example:1", "special|scheme|port"),
        ("stratum+tcp://:3333", "no host"),
        ("stratum+tcp://-pool.example:3333", "not a valid host name"),
        ("stratum+tcp://pool..example:3333", "not a valid host name"),
        ("stratum+tcp://1.2.3.999:3333", "not a valid IP address"),
        ("stratum+tcp://[::g]:3333", "valid IP|port"),
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
        assert tls is (scheme.rpartition("+")[2] in ENCRYPTED)


@pytest.mark.parametrize(
    ("typed", "tls", "port"),
    [
        ("zmp://zil.example:9486", True, 9486),
        ("zmp+ssl://zil.example:5555", True, 5555),
        ("zmp+tcp://zil.example:3333", False, 3333),
        ("stratum+tcp+tls://pool.example:3443", True, 3443),  # as some pools write it
        ("stratum+tcp+ssl://pool.example:3443", True, 3443),
        ("zmp://zil.example", True, None),
        ("kas+tls://pool.example:1", True, 1),
        ("kas+tcp://pool.example:1", False, 1),
        ("stratum2+tcp://v2.example/key", False, 3336),
        ("https://node.example/path", True, 443),
        ("ws://node.example", False, 80),
    ],
)
def test_the_transport_says_what_is_encrypted_and_some_schemes_have_a_port(typed: str, *, tls: bool, port: int) -> None:
    url = parse_pool_url(typed)
    assert (url.tls, url.port) == (tls, port)


@pytest.mark.parametrize(
    ("typed", "warning"),
    [
        ("stratum+tcp://pool.example:3333", None),
        ("zmp+tcp://zil.example:3333", None),
        ("zmp://zil.example", "has no port"),
        ("startum+tcp://pool.example:3333", "does not know the scheme startum+tcp"),
        ("newproto://pool.example:3333", "does not know the scheme newproto"),
    ],
)
def test_what_is_not_certain_is_kept_with_a_warning(typed: str, warning: str | None) -> None:
    said = pool_warning(typed)
    assert (said is None) is (warning is None)
    assert warning is None or warning in (said or "")
