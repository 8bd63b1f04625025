"""The Sentry's own local web page: a few pages, no web stack, and nothing that a page of another site could use.

A part adds pages and cards of its own by having a method `contribute(ui)`, see `contribute`.
"""

from rigfarm.sentry.httpd.html import Html, Templates, escape, fill, join
from rigfarm.sentry.httpd.http import BadRequestError, Request, Response, redirect
from rigfarm.sentry.ui.contribute import Contributes
from rigfarm.sentry.ui.live import Live, Row
from rigfarm.sentry.ui.pages import Card, Fact, Ui, Visit

__all__ = [
    "BadRequestError",
    "Card",
    "Contributes",
    "Fact",
    "Html",
    "Live",
    "Request",
    "Response",
    "Row",
    "Templates",
    "Ui",
    "Visit",
    "escape",
    "fill",
    "join",
    "redirect",
]
