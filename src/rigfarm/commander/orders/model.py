"""An order to one rig, and what came of it."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from rigfarm.wire.orders import (
    Locate,
    Order,
    OrderState,
    Pause,
    PowerLimit,
    Reboot,
    Restart,
    RestartMiner,
    Resume,
    SetPools,
    ShutDown,
)

__all__ = ["DANGEROUS", "ENDED", "RigOrder", "hides_secrets", "title", "without_secrets", "word"]

ENDED: frozenset[OrderState] = frozenset(("done", "refused", "failed"))
DANGEROUS = (Restart, Pause, PowerLimit, SetPools, RestartMiner, Reboot, ShutDown)
"""Orders that cost hashrate or money: a page asks before it gives them."""


class RigOrder(Struct, frozen=True):
    """One order. Times are UTC milliseconds."""

    id: str
    batch: str
    """The same for all rigs of one click."""
    rig_id: int
    order: Order
    state: OrderState
    detail: str
    created_at: int
    sent_at: int | None = None
    finished_at: int | None = None

    @property
    def ended(self) -> bool:
        """Whether its result is final."""
        return self.state in ENDED


def word(order: Order) -> str:
    """The order's name, as in `Specs.supports` and on the link."""
    return str(order.__struct_config__.tag)


def without_secrets(order: Order) -> Order:
    """As it is kept and shown: a pool's password is told to the rig, and to nobody else."""
    if not isinstance(order, SetPools):
        return order
    return SetPools([pool if pool.password in _NO_SECRET else replace(pool, password=_HIDDEN) for pool in order.pools])


def hides_secrets(order: Order) -> bool:
    """Whether it is one of which only that is known: it can be told to no rig any more."""
    return isinstance(order, SetPools) and any(pool.password == _HIDDEN for pool in order.pools)


def title(order: Order) -> str:
    """What it is called on buttons and in lists."""
    if isinstance(order, Locate):
        return "Blink" if order.on else "Stop blinking"
    if isinstance(order, PowerLimit):
        return f"Limit power to {order.watts:g} W"
    if isinstance(order, SetPools):
        return f"Set {len(order.pools)} pools"
    return _TITLES[type(order)]


_HIDDEN = "…"
_NO_SECRET = ("", "x")

_TITLES: dict[type, str] = {
    Restart: "Restart",
    Pause: "Pause",
    Resume: "Resume",
    RestartMiner: "Restart miner",
    Reboot: "Reboot",
    ShutDown: "Shut down",
}
