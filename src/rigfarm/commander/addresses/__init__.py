"""The address book: the pools and wallets that playbooks refer to."""

from urllib.parse import urlencode

from jinja2 import Environment

from rigfarm.commander.addresses.actions import AddressBook
from rigfarm.commander.addresses.api import api_routes
from rigfarm.commander.addresses.live import register_live_pages
from rigfarm.commander.addresses.model import Address, AddressForm, AddressKind
from rigfarm.commander.addresses.pages import page_routes
from rigfarm.commander.finds import Hit, matching
from rigfarm.commander.noun import Noun
from rigfarm.commander.web.shell import NavItem

__all__ = ["Address", "AddressBook", "AddressForm", "AddressKind", "noun"]


def noun(book: AddressBook, templates: Environment) -> Noun:
    """Its door."""
    return Noun(
        routes=[*page_routes, api_routes],
        parts={"addresses": book},
        live_pages=lambda routes: register_live_pages(routes, templates, book),
        load=book.load,
        finds=lambda text: matching(
            text,
            (
                Hit(one.name, f"/addresses?{urlencode({'q': one.name})}", one.kind, one.value)
                for one in book.addresses.values()
            ),
        ),
        nav=[NavItem("addresses", "Addresses", "/addresses", go="d")],
    )
