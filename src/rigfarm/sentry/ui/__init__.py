"""The Sentry's own local web page: a few pages, no web stack, and nothing that a page of another site could use.

A part adds pages and cards of its own by having a method `contribute(ui)`, see `contribute`.
"""

from rigfarm.sentry.ui.contribute import Contributes
from rigfarm.sentry.ui.html import Html, escape, join, render
from rigfarm.sentry.ui.http import Request, Response
from rigfarm.sentry.ui.live import Live
from rigfarm.sentry.ui.pages import Card, Ui

__all__ = ["Card", "Contributes", "Html", "Live", "Request", "Response", "Ui", "escape", "join", "render"]
