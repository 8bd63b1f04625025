"""Which order may be given to which rig, and what an order may say."""

from __future__ import annotations

from rigfarm.commander.addresses.pool_url import BadPoolUrlError, parse_pool_url
from rigfarm.commander.orders.model import title, word
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.model import Rig
from rigfarm.wire.orders import Order, PowerLimit, Reboot, RestartMiner, SetPools, ShutDown

__all__ = ["check", "why_not"]

_CPU_GPU = (RestartMiner, Reboot, ShutDown)
MAX_POOLS = 8
MAX_LOGIN = 300


def check(order: Order) -> None:
    """Invalid when no rig could be told this."""
    if isinstance(order, PowerLimit) and not 1 <= order.watts <= 100_000:
        raise Invalid("A power limit is between 1 and 100,000 W.", field="watts")
    if isinstance(order, SetPools):
        if not 1 <= len(order.pools) <= MAX_POOLS:
            raise Invalid(f"Give 1 to {MAX_POOLS} pools, in failover order.", field="pools")
        for pool in order.pools:
            try:
                parse_pool_url(pool.url)
            except BadPoolUrlError as error:
                raise Invalid(str(error), field="pools") from None
            if not pool.user.strip() or any(
                len(text) > MAX_LOGIN or not text.isprintable() for text in (pool.user, pool.password)
            ):
                raise Invalid("Every pool needs a user (wallet or account), on one line.", field="pools")


def why_not(order: Order, rig: Rig) -> str:
    """Why this rig cannot carry it out, for a person; empty when it can, or nobody knows yet."""
    supports = rig.specs.supports if rig.specs is not None else []
    if word(order) in supports:
        return ""
    if isinstance(order, _CPU_GPU) != (rig.kind == "cpu-gpu"):
        kind = "a CPU/GPU rig" if rig.kind == "cpu-gpu" else "an ASIC"
        return f"{rig.name} is {kind}: “{title(order)}” is not for it."
    if supports or (rig.kind == "asic" and rig.specs is not None):
        return f"{rig.name} says that it cannot do this: “{title(order)}”."
    return ""
