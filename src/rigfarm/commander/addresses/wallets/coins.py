"""Coin -> the shapes its addresses have. Sources: the coins' chain parameters (base58 versions, prefixes) and the
documents that define the encodings; a coin that is not here is not judged."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from rigfarm.commander.addresses.wallets.base58 import base58check_version, decode
from rigfarm.commander.addresses.wallets.bech32 import bech32_ok, cashaddr_ok
from rigfarm.commander.addresses.wallets.cryptonote import monero_ok
from rigfarm.commander.addresses.wallets.keccak import keccak256

__all__ = ["wallet_warning"]

Check = Callable[[str], bool]


def _base58check(*versions: int, size: int = 1) -> Check:
    expected = {version.to_bytes(size, "big") for version in versions}
    return lambda text: base58check_version(text) in expected


def _bech32(prefix: str) -> Check:
    return lambda text: bech32_ok(text, prefix)


def _cashaddr(prefix: str, *, needs_prefix: bool = True) -> Check:
    return lambda text: cashaddr_ok(text, prefix, needs_prefix=needs_prefix)


def _ergo(text: str) -> bool:
    """Base58, of which the last 4 bytes are the head of BLAKE2b-256 over the rest; mainnet types are 0x01..0x03."""
    raw = decode(text)
    if raw is None or len(raw) < 6 or raw[0] not in (1, 2, 3):
        return False
    return hashlib.blake2b(raw[:-4], digest_size=32).digest()[:4] == raw[-4:]


def _ethereum(text: str) -> bool:
    """0x and 40 digits; in mixed case the capitals are a checksum (EIP-55)."""
    if not _ETHEREUM_SHAPE.fullmatch(text):
        return False
    digits = text[2:]
    if digits in (digits.lower(), digits.upper()):
        return True
    marks = keccak256(digits.lower().encode()).hex()
    return all(
        digit.isdigit() or digit.isupper() == (int(mark, 16) >= 8) for digit, mark in zip(digits, marks, strict=False)
    )


_ETHEREUM_SHAPE = re.compile(r"0x[0-9a-fA-F]{40}")
_ETHEREUM: tuple[str, tuple[Check, ...]] = ("0x and 40 hexadecimal digits", (_ethereum,))

_COINS: dict[str, tuple[str, tuple[Check, ...]]] = {
    "BTC": ("1…, 3… or bc1…", (_base58check(0, 5), _bech32("bc"))),
    "BCH": ("bitcoincash:q… or 1…", (_cashaddr("bitcoincash", needs_prefix=False), _base58check(0, 5))),
    "LTC": ("L…, M… or ltc1…", (_base58check(48, 50, 5), _bech32("ltc"))),
    "DOGE": ("D… and 33 more characters", (_base58check(30, 22),)),
    "DASH": ("X… and 33 more characters", (_base58check(76, 16),)),
    "RVN": ("R… and 33 more characters", (_base58check(60, 122),)),
    "ZEC": ("t1…, t3…, zs… or u1…", (_base58check(0x1CB8, 0x1CBD, size=2), _bech32("zs"), _bech32("u"))),
    "FLUX": ("t1… or t3…", (_base58check(0x1CB8, 0x1CBD, size=2),)),
    "ETC": _ETHEREUM,
    "ETH": _ETHEREUM,
    "ETHW": _ETHEREUM,
    "ETHF": _ETHEREUM,
    "OCTA": _ETHEREUM,
    "EGAZ": _ETHEREUM,
    "XMR": ("4… or 8… with 95 characters, or 4… with 106", (monero_ok,)),
    "KAS": ("kaspa:…", (_cashaddr("kaspa"),)),
    "KLS": ("karlsen:…", (_cashaddr("karlsen"),)),
    "ERG": ("9… and about 50 more characters", (_ergo,)),
}
_ALIASES = {"XBT": "BTC"}
_SUFFIX = re.compile(r"[./+][A-Za-z0-9_.@+-]*$")


def wallet_warning(coin: str, wallet: str) -> str | None:
    """A sentence when the wallet does not look like the coin's. A worker behind it (`address.rig`) is no fault."""
    known = _COINS.get(_ALIASES.get(coin, coin))
    if known is None:
        return None
    shape, checks = known
    candidates = {wallet, _SUFFIX.sub("", wallet), wallet.partition(".")[0], wallet.partition("/")[0]}
    if any(check(candidate) for candidate in candidates for check in checks):
        return None
    return (
        f"This does not look like an address of {coin} ({shape}): a character may be missing or wrong. "
        "If it is an account name of your pool, all is well."
    )
