"""The address book: the pools and wallets that playbooks refer to."""

from rigfarm.commander.addresses.book import AddressBook
from rigfarm.commander.addresses.model import Address, AddressForm, AddressKind

__all__ = ["Address", "AddressBook", "AddressForm", "AddressKind"]
