"""What the JSON API says of the address book."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from rigfarm.commander.addresses.book import AddressBook
from rigfarm.commander.addresses.model import Address, AddressForm
from rigfarm.commander.addresses.wallets import wallet_warning
from rigfarm.commander.usage import Use

__all__ = ["AddressAnswer", "address_answer"]


class AddressAnswer(AddressForm, frozen=True, kw_only=True, omit_defaults=True):
    """One pool or wallet: what its form says and who uses it."""

    id: int
    revision: int
    created_at: datetime
    updated_at: datetime
    used_by: list[Use]
    warning: str | UnsetType = UNSET
    """The wallet does not look like the coin's."""


def address_answer(address: Address, book: AddressBook) -> AddressAnswer:
    """With who uses it."""
    warning = wallet_warning(address.coin, address.wallet) if address.kind == "wallet" else None
    return AddressAnswer(
        **asdict(address.form),
        id=address.id,
        revision=address.revision,
        created_at=datetime.fromtimestamp(address.created_at / 1000, UTC),
        updated_at=datetime.fromtimestamp(address.updated_at / 1000, UTC),
        used_by=book.used_by(address.id),
        warning=warning or UNSET,
    )
