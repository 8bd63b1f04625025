"""Orders as forms ask for them: by a word, with what else they need; and what a form says of one before it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.numbers import number
from rigfarm.commander.orders.model import title, word
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.worker_name import worker_name
from rigfarm.wire.orders import (
    Locate,
    Order,
    Pause,
    PoolOrder,
    PowerLimit,
    Reboot,
    Restart,
    RestartMiner,
    Resume,
    SetPools,
    ShutDown,
)

__all__ = ["WORKER", "consequences_of", "for_rig", "order_of", "sample", "target_of", "verb_of"]

WORKER = "$WORKER_NAME"
"""In a pool's login: the rig's own name, as pools take it. The same placeholder as in playbooks."""
_CONSEQUENCES: Mapping[str, tuple[str, str]] = {
    "restart-miner": (
        "Its mining programs end and start anew.",
        "Their mining programs end and start anew.",
    ),
    "reboot": (
        "The machine reboots; mining stops meanwhile and starts again by itself.",
        "The machines reboot; mining stops meanwhile and starts again by itself.",
    ),
    "shut-down": (
        "The machine powers off. Somebody has to switch it on again by hand.",
        "The machines power off. Somebody has to switch each of them on again by hand.",
    ),
    "restart": (
        "The ASIC restarts; it hashes nothing for some minutes.",
        "The ASICs restart, all at once; they hash nothing for some minutes.",
    ),
    "pause": ("It hashes nothing until it is resumed.", "They hash nothing until they are resumed."),
    "power-limit": (
        "It draws no more than this, and hashes accordingly.",
        "Each draws no more than this, and hashes accordingly.",
    ),
    "set-pools": ("Its pools are replaced by these.", "The pools of each are replaced by these."),
}
"""Of one rig, and of several."""
_PLAIN: Mapping[str, Callable[[], Order]] = {
    "restart-miner": RestartMiner,
    "reboot": Reboot,
    "shut-down": ShutDown,
    "restart": Restart,
    "pause": Pause,
    "resume": Resume,
    "locate-on": lambda: Locate(True),
    "locate-off": lambda: Locate(False),
}


def sample(what: str) -> Order:
    """An order of this sort, to ask who could carry it out. Invalid when there is none."""
    if what in _PLAIN:
        return _PLAIN[what]()
    if what == "power-limit":
        return PowerLimit(1)
    if what == "set-pools":
        return SetPools([])
    raise Invalid("Choose what to do.")


def order_of(what: str, fields: Mapping[str, str], addresses: AddressBook) -> Order:
    """The order that a form means."""
    if what == "power-limit":
        return _watts(fields)
    if what == "set-pools":
        return _pools(fields, addresses)
    return sample(what)


def for_rig(order: Order, rig: Rig) -> Order:
    """As this rig is told: every ASIC logs in at its pools under its own name where the form says so."""
    if not isinstance(order, SetPools):
        return order
    own = worker_name(rig.name)
    return SetPools([replace(pool, user=pool.user.replace(WORKER, own)) for pool in order.pools])


def verb_of(order: Order) -> str:
    """What stands on the button, before the target."""
    return {"power-limit": "Limit power of", "set-pools": "Set pools of"}.get(word(order)) or title(order)


def target_of(rigs: Sequence[Rig]) -> str:
    """`asic-07`, `12 ASICs`, `3 rigs`."""
    if len(rigs) == 1:
        return rigs[0].name
    return f"{len(rigs):,} {'ASICs' if all(rig.kind == 'asic' for rig in rigs) else 'rigs'}"


def consequences_of(order: Order, count: int) -> tuple[str, ...]:
    """What it means for so many; nothing where it does no harm."""
    said = _CONSEQUENCES.get(word(order))
    return () if said is None else (said[count > 1],)


def _watts(fields: Mapping[str, str]) -> Order:
    try:
        return PowerLimit(float(fields.get("watts", "").replace(",", ".")))
    except ValueError:
        raise Invalid("Enter the limit in W.", field="watts") from None


def _pools(fields: Mapping[str, str], addresses: AddressBook) -> Order:
    entry = addresses.addresses.get(number(fields.get("pool", "")) or 0)
    if entry is None or entry.kind != "pool":
        raise Invalid("Choose a pool of the address book.", field="pool")
    password = fields.get("password", "").strip() or "x"
    return SetPools([PoolOrder(url, fields.get("user", "").strip(), password) for url in entry.urls])
