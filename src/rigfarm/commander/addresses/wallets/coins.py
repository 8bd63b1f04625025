"""Coin -> the shapes its addresses have. Sources: the coins' chain parameters (base58 versions, prefixes) and the
documents that define the encodings; a coin that is not here is not judged."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import base58
from Crypto.Hash import keccak

from rigfarm.commander.addresses.wallets.bech32 import bech32_ok, cashaddr_ok
from rigfarm.commander.addresses.wallets.cryptonote import monero_ok

__all__ = ["wallet_warning"]

Check = Callable[[str], bool]
_HASH = 20


def _base58check(*versions: int, size: int = 1) -> Check:
    """Base58 with four bytes of checksum: a version, then 20 bytes of hash."""
    expected = {version.to_bytes(size, "big") for version in versions}

    def check(text: str) -> bool:
        try:
            raw = base58.b58decode_check(text)
        except ValueError:
            return False
        return len(raw) == size + _HASH and raw[:size] in expected

    return check


def _bech32(prefix: str) -> Check:
    return lambda text: bech32_ok(text, prefix)


def _cashaddr(prefix: str, *, needs_prefix: bool = True) -> Check:
    return lambda text: cashaddr_ok(text, prefix, needs_prefix=needs_prefix)


def _ergo(text: str) -> bool:
    """Base58, of which the last 4 bytes are the head of BLAKE2b-256 over the rest; mainnet types are 0x01..0x03."""
    try:
        raw = base58.b58decode(text)
    except ValueError:
        return False
    if len(raw) < 6 or raw[0] not in (1, 2, 3):
        return False
    return hashlib.blake2b(raw[:-4], digest_size=32).digest()[:4] == raw[-4:]


def _ethereum(text: str) -> bool:
    """0x and 40 digits; in mixed case the capitals are a checksum (EIP-55)."""
    if not _ETHEREUM_SHAPE.fullmatch(text):
        return False
    digits = text[2:]
    if digits in (digits.lower(), digits.upper()):
        return True
    marks = keccak.new(data=digits.lower().encode(), digest_bits=256).hexdigest()
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
_SUFFIX = re.compile(r"[./+#~%=][A-Za-z0-9_.@+#~%=/-]*$")
_SIGNS = "./+#~%=_"
_PREFIX = re.compile(r"([A-Za-z0-9]{2,12}):(?=.)|(solo|prop|pplns|pps|fpps)[._-](?=.)", re.IGNORECASE)
_TICKER = re.compile(r"[A-Z0-9]{2,12}")
_MAX_PREFIXES = 3


def wallet_warning(coin: str, wallet: str) -> str | None:
    """A sentence when the wallet does not look like the coin's.

    A worker behind it (`address.rig#referral`) is fine, and so is a word before it: the pool's mode (`solo:address`),
    or the coin to be paid in (`DOGE:address`), whose address it then is."""
    for _ in range(_MAX_PREFIXES):
        known = _COINS.get(_ALIASES.get(coin, coin))
        if known is not None and any(check(candidate) for candidate in _candidates(wallet) for check in known[1]):
            return None
        prefix = _PREFIX.match(wallet)
        if prefix is None:
            break
        word = prefix[1] or prefix[2]
        named = _ALIASES.get(word.upper(), word.upper())
        if named in _COINS or (_TICKER.fullmatch(word) and named not in _MODES):
            coin = named  # paid in that coin; one that is not here is not judged
        elif _own_prefix(word):
            break
        wallet = wallet[prefix.end() :]
    known = _COINS.get(_ALIASES.get(coin, coin))
    if known is None:
        return None
    return (
        f"This does not look like an address of {coin} ({known[0]}): a character may be missing or wrong. "
        "If it is an account name at your pool, ignore this."
    )


_MODES = frozenset({"SOLO", "PROP", "PPLNS", "PPS", "FPPS", "POOL"})


def _own_prefix(word: str) -> bool:
    """Whether addresses themselves begin so, `kaspa:…`."""
    return any(shape.startswith(f"{word}:") for shape, _ in _COINS.values())


def _candidates(wallet: str) -> set[str]:
    """The login, and what is before each sign that pools put between address and worker, difficulty or referral."""
    return {wallet, _SUFFIX.sub("", wallet), wallet.rpartition(":")[0], *(wallet.partition(sign)[0] for sign in _SIGNS)}
