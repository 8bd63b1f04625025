"""The composition root: settings in, application out. The one place that knows every part."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig

from rigfarm import __version__
from rigfarm.commander import auth
from rigfarm.commander.api_docs import api_docs_routes
from rigfarm.commander.auth.openapi import SECURITY, document_scopes
from rigfarm.commander.bundle.serving import bundle_routes
from rigfarm.commander.commander import Commander
from rigfarm.commander.enrolment.api import enrol
from rigfarm.commander.enrolment.pages import enrolment_routes
from rigfarm.commander.health import health_routes
from rigfarm.commander.identity.certificate import Certificate
from rigfarm.commander.incidents.pages import incident_routes
from rigfarm.commander.link.socket import link_socket
from rigfarm.commander.live.socket import live_socket
from rigfarm.commander.rigs import view
from rigfarm.commander.rigs.api import api_routes
from rigfarm.commander.rigs.model import KINDS
from rigfarm.commander.rigs.pages import page_routes
from rigfarm.commander.settings import Settings
from rigfarm.commander.steering import NAV, dependencies, steering_routes
from rigfarm.commander.web import assets
from rigfarm.commander.web.checked import CheckedRequest, check_address
from rigfarm.commander.web.problems import problem_handlers
from rigfarm.commander.web.shell import NavItem, Shell
from rigfarm.commander.web_sockets import Socket

__all__ = ["create_app"]

_HERE = Path(__file__).parent
MAX_BODY = 1 << 20


def create_app(settings: Settings, certificate: Certificate | None = None) -> Litestar:
    """The Commander as an ASGI application; it opens its data folder when it is started.

    `certificate` is what it is served with, if it is served over TLS.
    """
    templates = _templates()
    commander = Commander(settings, templates, certificate)
    templates.globals["shell"] = partial(_shell, commander)
    templates.globals["join_steps"] = lambda kind: view.join_steps(kind, commander.address(), commander.bundles.offered)

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        async with commander.running():
            yield

    app = Litestar(
        route_handlers=[
            *auth.routes,
            *health_routes,
            *page_routes,
            *assets.static_routes,
            *enrolment_routes,
            *bundle_routes,
            *incident_routes,
            *steering_routes,
            *api_docs_routes,
            enrol,
            api_routes,
            link_socket,
            live_socket,
        ],
        lifespan=[running],
        middleware=[commander.auth.gate],
        dependencies={
            **commander.auth.dependencies(),
            **_dependencies(commander),
            **dependencies(lambda: commander.steering),
        },
        exception_handlers=problem_handlers(),
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(templates)),
        compression_config=CompressionConfig(
            backend="gzip", minimum_size=1000, exclude=["/software/archives/", "/bundle/", "/static/"]
        ),
        request_max_body_size=MAX_BODY,
        openapi_config=OpenAPIConfig(
            title="Rigfarm",
            version=__version__,
            path="/api/schema",
            description="Authenticate with `Authorization: Bearer rk_…`; keys are made on the settings page.",
            components=SECURITY,
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        ),
        logging_config=None,
        request_class=CheckedRequest,
        before_request=check_address,
        websocket_class=Socket,
        state=None,
    )
    app.state.commander = commander
    document_scopes(app)
    own = certificate is not None and certificate.own
    auth.harden(app, settings, commander.auth.change_log, own_certificate=own)
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
        "incidents": of(lambda: commander.incidents),
        "journal": of(lambda: commander.journal),
        "parts": of(lambda: commander.parts),
        "recent": of(lambda: commander.recent),
        "stats": of(lambda: commander.stats),
        "book": of(lambda: commander.book),
        "rig_list": of(lambda: commander.rig_list),
        "links": of(lambda: commander.links),
        "shown": of(lambda: commander.shown),
        "enrolment": of(lambda: commander.enrolment),
        "bundles": of(lambda: commander.bundles),
    }


def _shell(commander: Commander) -> Shell:
    """The frame of every page: what there is, and how many rigs need somebody."""
    totals = commander.stats.totals
    ill = {kind: sum(totals[kind].states[word] for word in ("degraded", "idle", "offline")) for kind in KINDS}
    return Shell(
        nav=(
            NavItem("overview", "Overview", "/", go="o"),
            NavItem("rigs", "Rigs", "/rigs", ill["cpu-gpu"], go="r"),
            NavItem("asics", "ASICs", "/asics", ill["asic"], go="a"),
            *NAV,
        ),
        version=__version__,
        search="/rigs",
        new="/rigs/new",
        url=commander.public_url(),
        troubles=commander.troubles(),
        fingerprint=commander.address().fingerprint,
        join_arguments=commander.address().arguments,
    )


def _templates() -> jinja2.Environment:
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
    return environment
