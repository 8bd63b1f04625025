"""An entry of the address book: where to mine (a pool) or whom to pay (a wallet)."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Struct

from rigfarm.commander.addresses.wallets import wallet_warning
from rigfarm.commander.fields import form_field
from rigfarm.commander.names import clean_line, clean_name
from rigfarm.commander.refusals import Invalid
from rigfarm.common.pool_url import MAX_URLS, BadPoolUrlError, parse_pool_url, pool_warning

__all__ = ["Address", "AddressForm", "AddressKind"]

AddressKind = Literal["pool", "wallet"]
MAX_WALLET = 256
_COIN = re.compile(r"[A-Z0-9][A-Z0-9._+-]{0,15}")


def _name(text: str, form: AddressForm) -> str:
    return clean_name(text, f"A {form.kind}", "HeroMiners EU" if form.kind == "pool" else "main wallet")


def _coin(text: str, _: AddressForm) -> str:
    coin = text.strip().upper()
    if not _COIN.fullmatch(coin):
        raise Invalid("Enter the coin's ticker, for example XMR: up to 16 letters and digits.")
    return coin


def _urls(lines: list[str], form: AddressForm) -> list[str]:
    if form.kind != "pool":
        return []
    urls: list[str] = []
    for line in lines:
        if not line.strip():
            continue
        try:
            url = str(parse_pool_url(line))
        except BadPoolUrlError as error:
            raise Invalid(str(error)) from None
        if url not in urls:
            urls.append(url)
    if not urls:
        raise Invalid("A pool needs at least one URL, for example stratum+ssl://pool.example:3333.")
    if len(urls) > MAX_URLS:
        raise Invalid(f"A pool has at most {MAX_URLS} URLs; you entered {len(urls)}.")
    return urls


def _wallet(text: str, form: AddressForm) -> str:
    if form.kind != "wallet":
        return ""
    wallet = clean_line(text, "wallet", "A wallet", MAX_WALLET)
    if not wallet:
        raise Invalid("Enter the wallet's address, or the account name your pool gave you.")
    if any(char.isspace() for char in wallet):
        raise Invalid("A wallet can't contain spaces: this looks like more than one.")
    if wallet.startswith("-"):
        raise Invalid("A wallet cannot begin with '-': a mining program would take it for an option.")
    return wallet


class AddressForm(Struct, frozen=True):
    """What an operator says of an entry. `fields.checked` makes it fit to keep."""

    name: Annotated[str, form_field("Name", "How you find it in playbooks.", group="both", check=_name, required=True)]
    kind: AddressKind
    coin: Annotated[
        str,
        form_field("Coin", "Its ticker.", group="both", check=_coin, required=True, max_length=16, placeholder="XMR"),
    ]
    """In capitals."""
    urls: Annotated[
        list[str],
        form_field(
            "URLs, one per line, in failover order",
            "host:port is plain Stratum; stratum+ssl:// is encrypted.",
            group="pool",
            check=_urls,
            required=True,
            max_length=MAX_URLS * 512,
            rows=3,
            placeholder="stratum+ssl://pool.example:3333",
        ),
    ] = []
    """Of a pool; empty for a wallet."""
    wallet: Annotated[
        str,
        form_field(
            "Address",
            "Or the account name your pool gave you.",
            group="wallet",
            check=_wallet,
            required=True,
            max_length=MAX_WALLET,
        ),
    ] = ""
    """Address or pool account; empty for a pool."""


class Address(AddressForm, frozen=True, kw_only=True):
    """An entry as it is kept. Times are UTC milliseconds."""

    id: int
    revision: int
    created_at: int
    updated_at: int

    @property
    def value(self) -> str:
        """What a playbook fills in: the wallet, or the pool's first URL."""
        return self.wallet if self.kind == "wallet" else self.urls[0]

    @property
    def warning(self) -> str | None:
        """What may be wrong with it: a wallet that does not look like one of its coin, a URL that may be a slip."""
        if self.kind == "wallet":
            return wallet_warning(self.coin, self.wallet)
        return next((warning for url in self.urls if (warning := pool_warning(url))), None)

    @property
    def form(self) -> AddressForm:
        """What the operator said."""
        return AddressForm(**{name: getattr(self, name) for name in AddressForm.__struct_fields__})
