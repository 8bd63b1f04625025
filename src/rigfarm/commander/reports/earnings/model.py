"""What operators say of a coin: its price, how many coins a hashrate makes, what a pool paid out; or where to fetch
it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from rigfarm.commander.fields import form_field
from rigfarm.commander.names import clean_line
from rigfarm.commander.outbound.reach import BadUrlError, check_url
from rigfarm.commander.refusals import Invalid
from rigfarm.common.text import printable

__all__ = [
    "PER",
    "WHAT",
    "CoinSource",
    "CoinValue",
    "Per",
    "SourceForm",
    "ValueForm",
    "What",
    "amount_in",
    "per_hash",
    "steps_of",
]

What = Literal["price", "rate", "payout"]
WHAT: Mapping[What, str] = {
    "price": "price of a coin",
    "rate": "coins a day for a hashrate",
    "payout": "payout of a pool, in coins",
}
_FETCHED = {what: label for what, label in WHAT.items() if what != "payout"}
Per = Literal["H/s", "kH/s", "MH/s", "GH/s", "TH/s", "PH/s"]
PER: Mapping[Per, float] = {"H/s": 1.0, "kH/s": 1e3, "MH/s": 1e6, "GH/s": 1e9, "TH/s": 1e12, "PH/s": 1e15}
MAX_AMOUNT = 1e15
MAX_URL = 1_000
MAX_STEPS = 16
DAY_S = 86_400.0
_COIN = re.compile(r"[^\s\x00-\x1f]{1,32}")
_AMOUNT = re.compile(r"[0-9]{1,16}(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?")
_STEP = re.compile(r"[^.\[\]]+|\[[0-9]{1,6}\]")


def _coin(text: str, _: object) -> str:
    coin = clean_line(text, "coin", "A coin", 32)
    if not _COIN.fullmatch(coin):
        raise Invalid("Enter the coin as your rigs report it, for example XMR.")
    return coin


def _read_amount(text: str) -> float:
    text = text.strip().replace(",", ".")
    if not _AMOUNT.fullmatch(text):
        raise Invalid("Enter a number, for example 0.115 or 3.2e-5.")
    return float(text)


def _amount(value: float, _: object) -> float:
    if isinstance(value, bool) or not 0.0 < value < MAX_AMOUNT:
        raise Invalid("Enter a number above 0.")
    return float(value)


def _day(text: str, _: object) -> str:
    if not (text := text.strip()):
        return ""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or not 1971 <= found.year <= 2098:
        raise Invalid("Enter a day such as 2026-11-29, or nothing for now.")
    return str(found)


def _url(text: str, form: SourceForm) -> str:
    url = text.strip()
    if len(url) > MAX_URL:
        raise Invalid(f"A URL has at most {MAX_URL} characters.")
    try:
        check_url(url, lan=form.lan)
    except BadUrlError as error:
        raise Invalid(str(error)) from None
    return url


def _path(text: str, _: object) -> str:
    path = clean_line(text, "path", "A path", 200)
    steps_of(path)
    return path


def steps_of(path: str) -> list[str | int]:
    """The keys and places of a path such as `data[0].price`. Invalid."""
    plain = "".join(_STEP.findall(path))
    if plain != path.replace(".", "") or ".." in path or path.startswith(".") or path.endswith("."):
        raise Invalid("Enter keys with dots between them and places in brackets, for example data[0].price.")
    found = [int(step[1:-1]) if step[0] == "[" else step for step in _STEP.findall(path)]
    if len(found) > MAX_STEPS:
        raise Invalid(f"A path has at most {MAX_STEPS} steps.")
    return found


_ANY_PER = form_field("For", "Of a rate: coins a day for this hashrate.", choices={one: f"1 {one}" for one in PER})


class ValueForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One figure that an operator enters."""

    coin: Annotated[
        str, form_field("Coin", "As your rigs report it.", check=_coin, required=True, max_length=32, placeholder="XMR")
    ]
    what: Annotated[What, form_field("What", choices=WHAT)] = "price"
    amount: Annotated[
        float,
        form_field(
            "Amount",
            check=_amount,
            read=_read_amount,
            write=lambda value: f"{value:.10g}",
            required=True,
            max_length=40,
            placeholder="0.115",
        ),
    ]
    """Of a price: in the currency of reports; of a payout: coins."""
    per: Annotated[Per, _ANY_PER] = "TH/s"
    day: Annotated[str, form_field("Day", "Empty: now.", check=_day, max_length=10, placeholder="2026-11-29")] = ""
    """By the clock of reports: from which day on it holds, or on which day it was paid out."""


class SourceForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a figure is fetched, once an hour."""

    coin: Annotated[
        str, form_field("Coin", "As your rigs report it.", check=_coin, required=True, max_length=32, placeholder="XMR")
    ]
    what: Annotated[Literal["price", "rate"], form_field("What", choices=_FETCHED)] = "price"
    per: Annotated[Per, _ANY_PER] = "TH/s"
    url: Annotated[
        str,
        form_field(
            "URL",
            "It is asked once an hour and answers with JSON.",
            check=_url,
            required=True,
            max_length=MAX_URL,
            placeholder="https://prices.example/api/xmr",
        ),
    ]
    path: Annotated[
        str,
        form_field(
            "Where in the answer",
            "Keys with dots between them, places in brackets. Empty: the answer is the number.",
            check=_path,
            max_length=200,
            placeholder="data[0].price",
        ),
    ] = ""
    lan: Annotated[bool, form_field("From the LAN: the URL has an address of a private network")] = False


class CoinValue(Struct, frozen=True, kw_only=True):
    """One figure as it is kept. A price is in `currency`, a rate in coins for each hash, a payout in coins."""

    id: int
    coin: str
    what: What
    amount: float
    per: Per
    """How a rate was written."""
    currency: str
    source: str
    """The host that it was fetched from; empty: entered by hand."""
    at_ms: int
    """From when on it holds, or when it was paid out, UTC ms."""

    @property
    def written(self) -> float:
        """The amount as people write it."""
        return self.amount * DAY_S * PER[self.per] if self.what == "rate" else self.amount


class CoinSource(Struct, frozen=True, kw_only=True):
    """A source as it is kept. Its URL may contain a key: only its host is shown."""

    id: int
    form: SourceForm
    currency: str
    """That its prices are in: the one of reports when it was added."""
    tried_ms: int | None
    """When it was asked last, UTC ms."""
    error: str
    """Why the last answer was of no use."""

    @property
    def host(self) -> str:
        """Whom it asks."""
        return urlsplit(self.form.url).hostname or ""


def per_hash(written: float, per: Per) -> float:
    """Coins for each hash, from coins a day for a hashrate."""
    return written / DAY_S / PER[per]


def amount_in(body: bytes, path: str) -> float:
    """The number at a place in a JSON document. ValueError says what is there instead."""
    try:
        found: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("the answer is not JSON") from None
    for step in steps_of(path):
        found = _step(found, step)
    if isinstance(found, str) and _AMOUNT.fullmatch(found.strip()):
        found = float(found)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ValueError("what is there is not a number")
    if not 0.0 < found < MAX_AMOUNT:  # nor NaN, nor an integer that is too large for a float
        raise ValueError("the number there is not a plausible amount")
    return float(found)


def _step(found: object, step: str | int) -> object:
    if isinstance(step, int):
        if isinstance(found, list) and step < len(found):
            return found[step]
    elif isinstance(found, dict) and step in found:
        return found[step]
    where = f"[{step}]" if isinstance(step, int) else printable(step, "?", most=40)
    raise ValueError(f"the answer has no {where} there")
