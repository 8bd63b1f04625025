"""All that is told to viewers about the address book: viewers who have it open see each change at once."""

from __future__ import annotations

from rigfarm.commander.addresses.model import Address
from rigfarm.commander.live import Hub

__all__ = ["CHANNEL", "created", "deleted", "updated", "used_otherwise"]

CHANNEL = "address-index"
"""Keys: ids of entries."""


def created(hub: Hub, address: Address) -> None:
    """An entry was added."""
    hub.publish(CHANNEL, "created", address, key=address.id)


def updated(hub: Hub, address: Address) -> None:
    """An entry says something else now."""
    hub.publish(CHANNEL, "updated", address, key=address.id)


def used_otherwise(hub: Hub, address: Address) -> None:
    """The same entry, but other playbooks or rigs use it now."""
    hub.publish(CHANNEL, "updated", address, key=address.id)


def deleted(hub: Hub, address: Address) -> None:
    """An entry was removed."""
    hub.publish(CHANNEL, "deleted", address, key=address.id)
