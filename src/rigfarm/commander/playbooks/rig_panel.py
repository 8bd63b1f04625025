"""What a rig's page shows of playbooks and orders: a region of its own, `#rig-playbooks`, rendered when they change.

    panels = RigPanels(templates, playbooks, orders)
    html = await panels.html(rig_id)                    # for the page, and for morph("rig-playbooks", html)

A live page renders it anew when its rig's channel says something under the keys `playbooks.broadcasts.ON_RIG` or
`orders.broadcasts.ON_RIG`.
"""

from __future__ import annotations

from jinja2 import Environment
from markupsafe import Markup
from msgspec import Struct

from rigfarm.commander.orders import OrderBook, RigOrder
from rigfarm.commander.orders.model import title
from rigfarm.commander.playbooks.book import PlaybookBook
from rigfarm.commander.playbooks.view import RigRow, ago, iso, rig_row
from rigfarm.common.clock import utc_ms

__all__ = ["OrderRow", "RigPanel", "RigPanels", "order_row"]

SHOWN_ORDERS = 6


class OrderRow(Struct, frozen=True):
    """An order and its result."""

    id: str
    title: str
    state: str
    tone: str
    words: str
    at_iso: str
    at: str
    can_cancel: bool


class RigPanel(Struct, frozen=True):
    """All of the region."""

    rig_id: int
    name: str
    href: str
    asic: bool
    rows: list[RigRow]
    orders: list[OrderRow]
    variables: dict[str, str]
    actions: list[tuple[str, str]]
    """(order, its button) of what the rig can do."""
    hint: str
    """Why it cannot do more."""


_ACTIONS = {"restart-miner": "Restart miner", "reboot": "Reboot", "shut-down": "Shut down"}
_NO_POWER = "Reboot and shut down: allow them on the rig, with allow_power = true in sentry.toml."
_TONES = {"failed": "bad", "refused": "warn", "done": "good"}


def order_row(order: RigOrder, now_ms: int) -> OrderRow:
    """With its state in words."""
    words = {"queued": "waits for the rig" if order.sent_at is None else "told, not answered yet"}
    return OrderRow(
        id=order.id,
        title=title(order.order),
        state=order.state,
        tone=_TONES.get(order.state, ""),
        words=order.detail or words.get(order.state, ""),
        at_iso=iso(order.created_at),
        at=ago(order.created_at, now_ms),
        can_cancel=order.state == "queued" and order.sent_at is None,
    )


class RigPanels:
    """Renders the region."""

    def __init__(self, templates: Environment, playbooks: PlaybookBook, orders: OrderBook) -> None:
        self._template = templates.get_template("playbook_rig_panel.html")
        self._playbooks = playbooks
        self._orders = orders

    async def html(self, rig_id: int) -> Markup:
        """Of a rig that exists. Its forms are sent by script, which adds the CSRF token; without scripts it reads."""
        return Markup(self._template.render(panel=await self.panel(rig_id)))  # noqa: S704 - autoescaped

    async def panel(self, rig_id: int) -> RigPanel:
        """What it shows."""
        rig = self._playbooks.rigs.get(rig_id)
        now_ms = utc_ms()
        kind = "asics" if rig.kind == "asic" else "rigs"
        can = set(rig.specs.supports if rig.specs is not None else ()) or set(_ACTIONS)
        return RigPanel(
            rig_id=rig_id,
            name=rig.name,
            href=f"/{kind}/{rig_id}",
            asic=rig.kind == "asic",
            rows=[rig_row(one, self._playbooks, now_ms) for one in self._playbooks.assignments.of_rig(rig_id)],
            orders=[order_row(one, now_ms) for one in await self._orders.of_rig(rig_id, SHOWN_ORDERS)],
            variables=dict(self._playbooks.assignments.variables_of(rig_id)),
            actions=[(order, words) for order, words in _ACTIONS.items() if order in can],
            hint="" if can & {"reboot", "shut-down"} else _NO_POWER,
        )
