"""The JSON API of orders."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, Struct, UnsetType

from rigfarm.commander.auth import OPERATE, Viewer, require
from rigfarm.commander.channels import Kind
from rigfarm.commander.numbers import MAX_NUMBER
from rigfarm.commander.orders.book import OrderBook
from rigfarm.commander.orders.model import RigOrder, title, without_secrets
from rigfarm.commander.rigs.query import RigList
from rigfarm.commander.selection import RigSelection
from rigfarm.wire.orders import Order, OrderState, SetPools

__all__ = ["OrderAnswer", "api_routes", "order_answer"]


class GiveOrder(RigSelection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An order, `{"type": "reboot"}` for example, for rigs: by `rigs`, or by a `filter` over a `kind`."""

    order: Order
    kind: Kind = "cpu-gpu"


class OrderAnswer(Struct, omit_defaults=True):
    """An order and what came of it."""

    id: str
    batch: str
    """The same for all rigs of one request."""
    rig_id: int
    order: Order
    title: str
    state: OrderState
    detail: str
    created_at: datetime
    sent_at: datetime | UnsetType = UNSET
    finished_at: datetime | UnsetType = UNSET


def order_answer(order: RigOrder) -> OrderAnswer:
    """With its times."""
    return OrderAnswer(
        id=order.id,
        batch=order.batch,
        rig_id=order.rig_id,
        order=without_secrets(order.order),
        title=title(order.order),
        state=order.state,
        detail=order.detail,
        created_at=datetime.fromtimestamp(order.created_at / 1000, UTC),
        sent_at=UNSET if order.sent_at is None else datetime.fromtimestamp(order.sent_at / 1000, UTC),
        finished_at=UNSET if order.finished_at is None else datetime.fromtimestamp(order.finished_at / 1000, UTC),
    )


@post("", opt=OPERATE, status_code=202, summary="Give an order to rigs")
async def give_order(
    request: Request[Viewer, Viewer, Any],
    data: JSONBody[GiveOrder],
    orders: NamedDependency[OrderBook],
    rig_list: NamedDependency[RigList],
) -> list[OrderAnswer]:
    """Each rig has its own result: ask for the `batch`. A rig that is away is told when it returns within ten minutes;
    what it cannot do is refused at once. No rig is told twice. Setting pools decides who is paid: a key needs the scope
    `configure` for it too."""
    if isinstance(data.order, SetPools):
        require(request.auth, "configure")
    return [order_answer(one) for one in await orders.give(data.order, data.ids(rig_list, data.kind))]


@get("", summary="The latest orders")
async def list_orders(
    orders: NamedDependency[OrderBook],
    rig: Annotated[int | None, QueryParameter(ge=0, le=MAX_NUMBER, description="Only those of this rig.")] = None,
    batch: FromQuery[str] = "",
) -> list[OrderAnswer]:
    """Newest first: of all, of a rig, or of one request."""
    if batch:
        found = await orders.of_batch(batch)
    elif rig is not None:
        found = await orders.of_rig(rig)
    else:
        found = await orders.latest()
    return [order_answer(one) for one in found]


@delete("/{order_id:str}", opt=OPERATE, status_code=200, summary="Take an order back")
async def cancel_order(order_id: FromPath[str], orders: NamedDependency[OrderBook]) -> OrderAnswer:
    """Until its rig is told."""
    return order_answer(await orders.cancel(order_id))


api_routes = Router("/api/orders", route_handlers=[give_order, list_orders, cancel_order], tags=["orders"])
