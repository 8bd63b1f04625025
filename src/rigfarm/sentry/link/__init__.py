"""The Sentry's end of the link: connect, send, send again, and hear what the Commander wants."""

from rigfarm.sentry.link.link import Link
from rigfarm.sentry.link.status import LinkState

__all__ = ["Link", "LinkState"]
