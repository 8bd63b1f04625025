"""How tests open and watch pages in a real Chromium."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import Page

__all__ = ["QUIET", "Look", "Person", "Visit", "until_true"]

Person = Callable[..., Page]
"""`person("/rigs")`: a new viewer with a login of their own."""
Visit = Callable[..., Page]
"""`visit("/rigs", width=390)`: a page for a viewer who is logged in."""
Look = Callable[..., Page]
"""`look("rigs-12", PHONE)`: a page of the gallery."""

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""A Chromium that asks for nothing by itself."""


def until_true(page: Page, expression: str, within_s: float = 60.0) -> None:
    """Wait for an expression to become true. Playwright's own way needs eval, which our policy forbids."""
    deadline = time.monotonic() + within_s
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"still not: {expression}"
        page.wait_for_timeout(50)
