"""What the JSON API says of the address book."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import UNSET, Struct, UnsetType

from rigfarm.commander.addresses.book import AddressBook
from rigfarm.commander.addresses.model import Address, AddressKind
from rigfarm.commander.addresses.wallets import wallet_warning
from rigfarm.commander.usage import Use

__all__ = ["AddressAnswer", "address_answer"]


class AddressAnswer(Struct, omit_defaults=True):
    """One pool or wallet."""

    id: int
    name: str
    kind: AddressKind
    coin: str
    revision: int
    created_at: datetime
    updated_at: datetime
    used_by: list[Use]
    urls: list[str] | UnsetType = UNSET
    """Of a pool, in failover order."""
    wallet: str | UnsetType = UNSET
    warning: str | UnsetType = UNSET
    """The wallet does not look like the coin's."""


def address_answer(address: Address, book: AddressBook) -> AddressAnswer:
    """With who uses it."""
    warning = wallet_warning(address.coin, address.wallet) if address.kind == "wallet" else None
    return AddressAnswer(
        id=address.id,
        name=address.name,
        kind=address.kind,
        coin=address.coin,
        revision=address.revision,
        created_at=datetime.fromtimestamp(address.created_at / 1000, UTC),
        updated_at=datetime.fromtimestamp(address.updated_at / 1000, UTC),
        used_by=book.used_by(address.id),
        urls=address.urls if address.kind == "pool" else UNSET,
        wallet=address.wallet if address.kind == "wallet" else UNSET,
        warning=warning or UNSET,
    )
