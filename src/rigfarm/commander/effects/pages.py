"""The page of effects: how often which command took effect, on which devices."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.response import Template

from rigfarm.commander.effects.actions import Effects
from rigfarm.commander.effects.view import table
from rigfarm.commander.web.render import render

__all__ = ["page_routes"]


@get("/commands/effects", include_in_schema=False)
async def effects_page(request: Request[Any, Any, Any], effects: NamedDependency[Effects]) -> Template:
    """By kind of command, model and firmware."""
    return render(request, "effects.html", live="/commands/effects", lines=table(await effects.tallies()))


page_routes = [effects_page]
