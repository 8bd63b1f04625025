"""Which page stands behind a path: nouns register theirs, the socket asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from rigfarm.commander.live.session import Page
from rigfarm.commander.refusals import NotUnderstood
from rigfarm.commander.urls import split_url

__all__ = ["Factory", "PageRoutes"]

Factory = Callable[[Mapping[str, str], Mapping[str, str]], Page | None]
"""Takes the path's named groups and the URL's parameters; None when there is no such page (any more);
it may raise NotUnderstood."""


class PageRoutes:
    """The live pages of this Commander."""

    def __init__(self) -> None:
        self._routes: list[tuple[re.Pattern[str], Factory]] = []

    def add(self, pattern: str, factory: Factory) -> None:
        """Pages whose whole path matches the regular expression."""
        self._routes.append((re.compile(pattern), factory))

    def find(self, address: str) -> Page | None:
        """The page at a path with its parameters, as it stands in the browser's address bar."""
        parts = split_url(address)
        for pattern, factory in self._routes:
            match = pattern.fullmatch(parts.path)
            if match is not None:
                try:
                    return factory(match.groupdict(), dict(parse_qsl(parts.query)))
                except NotUnderstood:
                    return None
        return None
