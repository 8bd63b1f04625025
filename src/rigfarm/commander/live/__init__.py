"""Live pages: a hub of channels, and the browsers' page sessions that subscribe to them. Knows no noun."""

from rigfarm.commander.live.hub import ALL, Event, Hub, Subscriber
from rigfarm.commander.live.routes import PageRoutes
from rigfarm.commander.live.session import LiveSessions, Page, PageSession

__all__ = ["ALL", "Event", "Hub", "LiveSessions", "Page", "PageRoutes", "PageSession", "Subscriber"]
