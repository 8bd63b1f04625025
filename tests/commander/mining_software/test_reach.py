"""Which addresses a download may connect to: by every way of writing them."""

from __future__ import annotations

import pytest

from rigfarm.commander.outbound.reach import BadUrlError, ForbiddenAddressError, Reach, check_url

NEVER = [
    "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "169.254.169.254", "169.254.0.1", "100.64.0.1", "192.0.0.1",
    "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a00:1::", "3fff::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "5f00::1",
]  # fmt: skip
LAN = ["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.1.1", "fd00::1", "fc00::1",
       "::ffff:10.1.2.3", "::ffff:192.168.0.1", "64:ff9b::c0a8:1"]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8",
          "64:ff9b::808:808"]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_for_https(address: str) -> None:
    for lan in (False, True):
        Reach().check("name", address, lan=lan, plain=False)
        with pytest.raises(ForbiddenAddressError):
            Reach().check("name", address, lan=lan, plain=True)


@pytest.mark.parametrize("address", LAN)
def test_the_lan_is_for_those_who_ask_for_it(address: str) -> None:
    Reach().check("name", address, lan=True, plain=True)
    for plain in (False, True):
        with pytest.raises(ForbiddenAddressError):
            Reach().check("name", address, lan=False, plain=plain)


@pytest.mark.parametrize("address", NEVER)
def test_the_rest_is_for_nobody(address: str) -> None:
    for lan in (False, True):
        for plain in (False, True):
            with pytest.raises(ForbiddenAddressError):
                Reach().check("name", address, lan=lan, plain=plain)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a.tar.gz", "ftp://example.org/a", "file:///etc/passwd", "gopher://example.org/", "//x/a",
        "https://", "https:///a", "https://user:secret@example.org/a", "https://user@example.org/a",
        "https://example.org:99999/a", "https://example.org:0/a", "https://example.org:x/a", "https://exa mple.org/a",
        "https://example.org/ä", "https://example.org\\@127.0.0.1/", "https://example.org/\r\nHost: x", "",
        "javascript:alert(1)", "data:text/plain,x", "HTTP+unix://%2Fvar%2Frun/x", "https://[::1", "https://[bad]/a",
    ],
)  # fmt: skip
def test_urls_that_are_none_of_ours_are_refused_before_anything_is_looked_up(url: str) -> None:
    with pytest.raises(BadUrlError):
        check_url(url, lan=False)


def test_plain_http_is_for_the_lan_on_request() -> None:
    check_url("https://example.org:8443/a.tar.gz?token=1", lan=False)
    check_url("http://nas.lan/a.tar.gz", lan=True)
    with pytest.raises(BadUrlError, match="from the LAN"):
        check_url("http://nas.lan/a.tar.gz", lan=False)
