"""Frames of a live page's socket: HTML that is put in place by its id, and events.

    morph("rig-7", row_html)       changes the element with this id into the new one, in place
    append("rig-rows", row_html)   adds to the end of the element with this id
    remove("rig-7")                takes it away
    event("moved", count=3)        something for the page's scripts (static/live.js has the list)

Several may be joined to one frame, except events: an event is a frame of its own. An element that a page does not show
is passed over.
"""

from __future__ import annotations

import msgspec

__all__ = ["append", "event", "morph", "prepend", "remove"]


def morph(element_id: str, html: str) -> str:
    """Change an element in place: no flicker, focus and scroll position stay."""
    return f'<hx-partial hx-target="#{element_id}" hx-swap="outerMorph">{html.strip()}</hx-partial>'


def append(element_id: str, html: str) -> str:
    """Add at the end of an element."""
    return f'<hx-partial hx-target="#{element_id}" hx-swap="beforeend">{html.strip()}</hx-partial>'


def prepend(element_id: str, html: str) -> str:
    """Add at the beginning of an element."""
    return f'<hx-partial hx-target="#{element_id}" hx-swap="afterbegin">{html.strip()}</hx-partial>'


def remove(element_id: str) -> str:
    """Take an element away."""
    return f'<hx-partial hx-target="#{element_id}" hx-swap="delete"></hx-partial>'


def event(name: str, /, **data: object) -> str:
    """A JSON event: snapshot, moved, gone, notice, points, title."""
    return msgspec.json.encode({"event": name, **data}).decode()
