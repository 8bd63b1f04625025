"""The composition root: settings in, application out. The one place that knows every part."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jinja2
from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.contrib.jinja import JinjaTemplateEngine
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.template import TemplateConfig

from rigfarm import __version__
from rigfarm.commander import auth
from rigfarm.commander.commander import Commander
from rigfarm.commander.health import health_routes
from rigfarm.commander.link.socket import link_socket
from rigfarm.commander.live.socket import live_socket
from rigfarm.commander.rigs.api import api_routes
from rigfarm.commander.rigs.pages import page_routes, register_live_pages
from rigfarm.commander.settings import Settings
from rigfarm.commander.web import assets
from rigfarm.commander.web.problems import problem_handlers

__all__ = ["create_app"]

_HERE = Path(__file__).parent
MAX_BODY = 1 << 20


def create_app(settings: Settings) -> Litestar:
    """The Commander as an ASGI application; it opens its data folder when it is started."""
    commander = Commander(settings)

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        async with commander.running():
            register_live_pages(commander.pages, commander)
            yield

    app = Litestar(
        route_handlers=[
            *auth.routes,
            *health_routes,
            *page_routes,
            *assets.static_routes,
            api_routes,
            link_socket,
            live_socket,
        ],
        lifespan=[running],
        middleware=[commander.auth.gate],
        dependencies={**commander.auth.dependencies(), **_dependencies(commander)},
        exception_handlers=problem_handlers(),
        template_config=TemplateConfig(instance=_templates()),
        compression_config=CompressionConfig(backend="gzip", minimum_size=1000, exclude=["/software/", "/static/"]),
        request_max_body_size=MAX_BODY,
        openapi_config=OpenAPIConfig(
            title="Rigfarm",
            version=__version__,
            path="/api/docs",
            description="Authenticate with `Authorization: Bearer rk_…`; keys are made on the settings page.",
            render_plugins=[SwaggerRenderPlugin()],
        ),
        logging_config=None,
        state=None,
    )
    app.state.commander = commander
    auth.harden(app, settings)
    return app


def _dependencies(commander: Commander) -> dict[str, Provide]:
    """What handlers may ask for by name."""

    def of(part: Callable[[], Any]) -> Provide:
        return Provide(part, sync_to_thread=False)

    return {
        "settings": of(lambda: commander.settings),
        "storage": of(lambda: commander.storage),
        "hub": of(lambda: commander.hub),
        "live": of(lambda: commander.live),
        "pages": of(lambda: commander.pages),
        "health": of(lambda: commander.health),
        "journal": of(lambda: commander.journal),
        "recent": of(lambda: commander.recent),
        "stats": of(lambda: commander.stats),
        "book": of(lambda: commander.book),
        "rig_list": of(lambda: commander.rig_list),
        "links": of(lambda: commander.links),
    }


def _templates() -> JinjaTemplateEngine:
    """Every noun keeps its templates in a folder of its own; names are distinct across them."""
    folders = sorted(_HERE.glob("*/templates"))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
    )
    assets.add_helpers(environment)
    return JinjaTemplateEngine.from_environment(environment)
