"""The JSON API of the address book: thin handlers over the book's verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from litestar import Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from rigfarm.commander.addresses.answers import AddressAnswer, address_answer
from rigfarm.commander.addresses.book import AddressBook
from rigfarm.commander.addresses.model import AddressForm, AddressKind
from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.fields import Changes, changes_of

__all__ = ["api_routes"]


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
        "What is left out stays. `revision`: refuse if someone else has changed it since.",
        revision=int,
    )


@get("", summary="List pools and wallets")
async def list_addresses(
    addresses: NamedDependency[AddressBook],
    kind: FromQuery[AddressKind | None] = None,
    coin: FromQuery[str] = "",
    q: FromQuery[str] = "",
) -> list[AddressAnswer]:
    """All of them, or those of a kind, a coin, or with these words."""
    return [address_answer(one, addresses) for one in addresses.listed(kind, coin, q)]


@post("", opt=CONFIGURE, status_code=201, summary="Add a pool or wallet")
async def create_address(data: JSONBody[NewAddress], addresses: NamedDependency[AddressBook]) -> AddressAnswer:
    """The answer may carry a `warning`: a wallet that does not look like one of its coin is kept all the same."""
    return address_answer(await addresses.create(AddressForm(**asdict(data))), addresses)


@get("/{address_id:int}", summary="One pool or wallet, and who uses it")
async def get_address(address_id: FromPath[int], addresses: NamedDependency[AddressBook]) -> AddressAnswer:
    """`used_by` names playbooks and how many rigs run them."""
    return address_answer(addresses.get(address_id), addresses)


@patch("/{address_id:int}", opt=CONFIGURE, summary="Change a pool or wallet")
async def change_address(
    address_id: FromPath[int], data: JSONBody[AddressChange], addresses: NamedDependency[AddressBook]
) -> AddressAnswer:
    """Playbooks that use it get a new revision; rigs go on with the old one until that is applied."""
    form = data.over(addresses.get(address_id).form)
    revision = None if data.revision is UNSET else data.revision
    return address_answer(await addresses.change(address_id, form, revision), addresses)


@delete("/{address_id:int}", opt=CONFIGURE, summary="Remove a pool or wallet")
async def remove_address(
    address_id: FromPath[int],
    addresses: NamedDependency[AddressBook],
    even_if_used: Annotated[bool, QueryParameter(description="Playbooks that use it keep what it said.")] = False,
) -> None:
    """409 while playbooks use it, unless `even_if_used`."""
    await addresses.remove(address_id, even_if_used=even_if_used)


api_routes = Router(
    "/api/addresses",
    route_handlers=[list_addresses, create_address, get_address, change_address, remove_address],
    tags=["addresses"],
)
