"""An entry of the address book: where to mine (a pool) or whom to pay (a wallet)."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from rigfarm.commander.addresses.pool_url import MAX_URLS, BadPoolUrlError, parse_pool_url
from rigfarm.commander.names import clean_line, clean_name
from rigfarm.commander.refusals import Invalid

__all__ = ["Address", "AddressForm", "AddressKind", "checked"]

AddressKind = Literal["pool", "wallet"]
MAX_WALLET = 256
_COIN = re.compile(r"[A-Z0-9][A-Z0-9._+-]{0,15}")


class Address(Struct, frozen=True):
    """What is kept. Times are UTC milliseconds."""

    id: int
    name: str
    kind: AddressKind
    coin: str
    """Ticker in capitals, for example XMR."""
    urls: list[str]
    """Of a pool, in failover order; empty for a wallet."""
    wallet: str
    """Address or pool account; empty for a pool."""
    revision: int
    created_at: int
    updated_at: int

    @property
    def value(self) -> str:
        """What a playbook fills in: the wallet, or the pool's first URL."""
        return self.wallet if self.kind == "wallet" else self.urls[0]


class AddressForm(Struct, frozen=True):
    """What an operator types; `checked` makes it fit to keep."""

    name: str
    kind: AddressKind
    coin: str
    urls: list[str] = []
    wallet: str = ""


def checked(form: AddressForm) -> AddressForm:
    """The form as it is kept, or Invalid with a text for each field that cannot be right."""
    wrong: dict[str, str] = {}
    name = coin = wallet = ""
    urls: list[str] = []
    try:
        name = clean_name(form.name, f"A {form.kind}", "HeroMiners EU" if form.kind == "pool" else "main wallet")
    except Invalid as error:
        wrong |= error.fields
    try:
        coin = _coin(form.coin)
    except Invalid as error:
        wrong |= error.fields
    try:
        if form.kind == "pool":
            urls = _urls(form.urls)
        else:
            wallet = _wallet(form.wallet)
    except Invalid as error:
        wrong |= error.fields
    if wrong:
        raise Invalid.of(wrong)
    return AddressForm(name, form.kind, coin, urls, wallet)


def _coin(text: str) -> str:
    coin = text.strip().upper()
    if not _COIN.fullmatch(coin):
        raise Invalid("Enter the coin's ticker, for example XMR: up to 16 letters and digits.", field="coin")
    return coin


def _urls(lines: list[str]) -> list[str]:
    urls: list[str] = []
    for line in lines:
        if not line.strip():
            continue
        try:
            url = str(parse_pool_url(line))
        except BadPoolUrlError as error:
            raise Invalid(str(error), field="urls") from None
        if url not in urls:
            urls.append(url)
    if not urls:
        raise Invalid("A pool needs at least one URL, for example stratum+ssl://pool.example:3333.", field="urls")
    if len(urls) > MAX_URLS:
        raise Invalid(f"A pool has at most {MAX_URLS} URLs; these are {len(urls)}.", field="urls")
    return urls


def _wallet(text: str) -> str:
    wallet = clean_line(text, "wallet", "A wallet", MAX_WALLET)
    if not wallet:
        raise Invalid("Enter the wallet's address, or the account name your pool gave you.", field="wallet")
    if any(char.isspace() for char in wallet):
        raise Invalid("A wallet contains no blanks: this looks like more than one.", field="wallet")
    if wallet.startswith("-"):
        raise Invalid("A wallet cannot begin with '-': a mining program would take it for an option.", field="wallet")
    return wallet
