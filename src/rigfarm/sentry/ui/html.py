"""The templates of the Sentry's own pages."""

from __future__ import annotations

from rigfarm.sentry.httpd.html import Templates

__all__ = ["render"]

render = Templates("rigfarm.sentry.ui")
