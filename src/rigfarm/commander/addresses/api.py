"""The JSON API of the address book: thin handlers over the book's verbs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from rigfarm.commander.addresses.actions import AddressBook
from rigfarm.commander.addresses.model import Address, AddressForm, AddressKind
from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.fields import Changes, changes_of
from rigfarm.commander.usage import Use
from rigfarm.commander.web.conditional import IF_MATCH
from rigfarm.commander.web.paging import LIMIT, After, Limit, one_page

__all__ = ["api_routes"]


class AddressAnswer(AddressForm, frozen=True, kw_only=True, omit_defaults=True):
    """One pool or wallet: its fields and what uses it."""

    id: int
    revision: int
    created_at: datetime
    updated_at: datetime
    used_by: list[Use]
    warning: str | UnsetType = UNSET
    """The wallet does not look like one of the coin's, or a URL may contain a typo."""


class NewAddress(AddressForm, frozen=True, forbid_unknown_fields=True):
    """A pool has `urls` in failover order (`host:port` is enough for plain Stratum), a wallet has `wallet`."""


if TYPE_CHECKING:

    class AddressChange(Changes):
        """See below: made of the fields of AddressForm."""

        revision: int | UnsetType = UNSET

else:
    AddressChange = changes_of(
        "AddressChange",
        AddressForm,
        "Fields that are left out don't change. `revision`: refuse if someone else has changed it since.",
        revision=int,
    )


@get("", summary="List pools and wallets")
async def list_addresses(
    request: Request[Any, Any, Any],
    addresses: NamedDependency[AddressBook],
    kind: FromQuery[AddressKind | None] = None,
    coin: FromQuery[str] = "",
    q: FromQuery[str] = "",
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[AddressAnswer]]:
    """All of them, or those of a kind, a coin, or with these words."""
    found = addresses.listed(kind, coin, q)
    return one_page(
        request, found, limit, after, key=lambda one: one.id, answer=lambda one: address_answer(one, addresses)
    )


@post("", opt=CONFIGURE, status_code=201, summary="Add a pool or wallet")
async def create_address(data: JSONBody[NewAddress], addresses: NamedDependency[AddressBook]) -> AddressAnswer:
    """The answer may carry a `warning`: a wallet that does not look like one of its coin, or a pool's URL that may
    contain a typo, is stored anyway."""
    return address_answer(await addresses.create(AddressForm(**asdict(data))), addresses)


@get("/{address_id:int}", summary="One pool or wallet, and what uses it")
async def get_address(address_id: FromPath[int], addresses: NamedDependency[AddressBook]) -> AddressAnswer:
    """`used_by` names playbooks and how many rigs run them."""
    return address_answer(addresses.get(address_id), addresses)


@patch("/{address_id:int}", opt=CONFIGURE, summary="Change a pool or wallet")
async def change_address(
    address_id: FromPath[int], data: JSONBody[AddressChange], addresses: NamedDependency[AddressBook]
) -> AddressAnswer:
    """Playbooks that use it get a new revision; rigs keep the old one until the new one is applied."""
    one = addresses.get(address_id)
    revision = one.revision if data.revision is UNSET else data.revision
    return address_answer(await addresses.change(address_id, data.over(one.form), revision), addresses)


@delete("/{address_id:int}", opt=CONFIGURE | IF_MATCH, summary="Remove a pool or wallet")
async def remove_address(
    address_id: FromPath[int],
    addresses: NamedDependency[AddressBook],
    even_if_used: Annotated[bool, QueryParameter(description="Playbooks that use it keep its last values.")] = False,
) -> None:
    """409 while playbooks use it, unless `even_if_used`."""
    await addresses.remove(address_id, even_if_used=even_if_used)


api_routes = Router(
    "/api/addresses",
    route_handlers=[list_addresses, create_address, get_address, change_address, remove_address],
    tags=["addresses"],
)


def address_answer(address: Address, book: AddressBook) -> AddressAnswer:
    """With who uses it."""
    return AddressAnswer(
        **asdict(address.form),
        id=address.id,
        revision=address.revision,
        created_at=datetime.fromtimestamp(address.created_at / 1000, UTC),
        updated_at=datetime.fromtimestamp(address.updated_at / 1000, UTC),
        used_by=book.used_by(address.id),
        warning=address.warning or UNSET,
    )
