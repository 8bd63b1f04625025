"""Where Prometheus reads."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency

from rigfarm.commander.auth import METRICS
from rigfarm.commander.link.registry import Links
from rigfarm.commander.metrics.actions import Metrics
from rigfarm.commander.metrics.exposition.text import OPEN_METRICS, PLAIN
from rigfarm.commander.metrics.view import LinkFigures
from rigfarm.commander.web.headers import header

__all__ = ["api_routes"]


@get("/metrics", opt=METRICS, summary="Metrics for Prometheus", media_type=PLAIN, tags=["metrics"])
async def get_metrics(
    request: Request[Any, Any, Any], metrics: NamedDependency[Metrics], links: NamedDependency[Links]
) -> Response[bytes]:
    """In Prometheus' text format, or in OpenMetrics if `Accept` names `application/openmetrics-text`. docs/metrics.md
    lists them all."""
    open_metrics = "application/openmetrics-text" in header(request.scope, b"accept")
    packed = "gzip" in header(request.scope, b"accept-encoding")
    now = LinkFigures(len(links.links), links.received)
    headers = {"Vary": "Accept, Accept-Encoding", "Cache-Control": "no-store"}
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(
        await metrics.text(now, open_metrics=open_metrics, packed=packed),
        headers=headers,
        media_type=OPEN_METRICS if open_metrics else PLAIN,
    )


api_routes = [get_metrics]
