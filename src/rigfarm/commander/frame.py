"""What stands around every page: its templates, the top bar, and how people and rigs reach this Commander."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from types import CodeType

import jinja2
from jinja2.bccache import Bucket

from rigfarm import __version__
from rigfarm.commander.identity.certificate import Certificate
from rigfarm.commander.join_address import JoinAddress
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.lan import host_for_others
from rigfarm.commander.noun import Noun
from rigfarm.commander.settings import Settings
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.web import assets
from rigfarm.commander.web.shell import AlertCount, NavItem, Shell, Trouble

__all__ = ["Reach", "page_templates", "shell"]

_HERE = Path(__file__).parent


class _Compiled(jinja2.BytecodeCache):
    """Templates are compiled once in a process, and not again by what is forked from it: a page's take 0.1 s."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._code[bucket.key, bucket.checksum] = bucket.code


_compiled = _Compiled()


class Reach:
    """How people and rigs reach this Commander."""

    def __init__(self, settings: Settings, certificate: Certificate | None) -> None:
        self._settings = settings
        self._certificate = certificate

    def public_url(self) -> str:
        """Its URL."""
        scheme = "http" if self._certificate is None else "https"
        return self._settings.public_url or f"{scheme}://{host_for_others(self._settings.host)}:{self._settings.port}"

    def address(self) -> JoinAddress:
        """Its URL, and what rigs recognise it by."""
        certificate = self._certificate
        direct = certificate is not None and certificate.own and not self._settings.trusted_proxies
        return JoinAddress(self.public_url(), certificate.text if certificate is not None and direct else "")

    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate that is served at this moment; empty without TLS."""
        return self._certificate.fingerprint if self._certificate is not None else b""


_ORDER = ("playbooks", "software", "addresses", "places", "reports", "alerts", "activity")
"""The pages of the top bar after those of rigs: what is set up, where it stands, what came of it."""


def navigation(nouns: Iterable[Noun], stats: OperationalStats) -> tuple[NavItem, ...]:
    """The pages of the top bar, in their order."""
    sick = stats.sick
    return (
        NavItem("overview", "Overview", "/", go="o"),
        *(NavItem(kind.page, kind.title, kind.path, sick[kind.name], go=kind.go) for kind in KINDS.values()),
        *sorted(chain.from_iterable(noun.nav for noun in nouns), key=lambda one: _ORDER.index(one.key)),
    )


def shell(
    nouns: tuple[Noun, ...],
    stats: OperationalStats,
    reach: Reach,
    troubles: Callable[[], tuple[Trouble, ...]],
    bell: Callable[[], AlertCount],
) -> Shell:
    """The frame of every page: what there is, and how many rigs need attention."""
    return Shell(
        nav=navigation(nouns, stats),
        version=__version__,
        search="/rigs",
        new="/rigs/new",
        url=reach.public_url(),
        troubles=troubles(),
        alerts=bell(),
        fingerprint=reach.address().fingerprint,
        join_arguments=reach.address().arguments,
    )


def page_templates() -> jinja2.Environment:
    """Every noun keeps its templates in a folder of its own; names are distinct across them."""
    folders = sorted(_HERE.glob("*/templates"))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        bytecode_cache=_compiled,
    )
    assets.add_helpers(environment)
    return environment
