"""What stands behind a template's placeholders. A name without a value is absent, never an empty argument."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache

from rigfarm.commander.playbooks.model import SLOTS, PlaybookContent, PoolRef, Slot, WalletRef, WorkloadPlan
from rigfarm.commander.rigs.model import worker_name
from rigfarm.common.pool_url import parse_pool_url
from rigfarm.wire.template import API_PORT

__all__ = ["DESCRIPTIONS", "WORKER_NAME", "known_placeholders", "slot_of", "values_for"]

WORKER_NAME = "WORKER_NAME"

_SLOTS: dict[Slot, tuple[str, str]] = {"cpu": ("CPU_", ""), "gpu1": ("GPU_", "_1"), "gpu2": ("GPU_", "_2")}
_POOL_PARTS = ("", "_HOST", "_PORT", "_ENDPOINT", "_TLS", "_TLS_WORD", "_TLS_BOOL")

DESCRIPTIONS: dict[str, str] = {
    WORKER_NAME: "the rig's name as pools take it: letters, digits and hyphens",
    API_PORT: "port of the stats API, chosen by the rig",
    "CPU_WALLET": "wallet of what the CPU mines",
    "CPU_POOL": "first URL of its pool",
    "CPU_POOL_BACKUP": "the pool's next URL, or the first where it has only one",
    "CPU_POOL_HOST": "host of the pool's first URL (also _PORT, and _ENDPOINT for host:port)",
    "CPU_POOL_TLS": "1 or 0: is the pool's connection encrypted (also _TLS_WORD: on or off, _TLS_BOOL: true or false)",
    "CPU_ALGORITHM": "what you entered as algorithm",
    "CPU_COIN": "the coin's ticker (also _LOWER)",
    "GPU_WALLET_1": "wallet of what the GPUs mine; GPU_WALLET_2: of their second algorithm",
    "GPU_POOL_1": "first URL of its pool; all that CPU_POOL has, for example $GPU_POOL_1_BACKUP_HOST",
    "GPU_ALGORITHM_1": "algorithm of the GPUs",
    "GPU_COIN_1": "coin of the GPUs",
}
"""For the page where templates are written."""


@cache
def known_placeholders() -> frozenset[str]:
    """Every name that Rigfarm itself can fill in."""
    everything = PoolRef(0, "", ["stratum+tcp://host:1"])
    names = {WORKER_NAME, API_PORT}
    for slot in SLOTS:
        names |= _workload_values(WorkloadPlan(slot, "X", "x", everything, WalletRef(0, "", "x"))).keys()
    return frozenset(names)


@lru_cache(maxsize=512)
def slot_of(name: str) -> Slot | None:
    """The workload that a name speaks of."""
    pool, wallet = PoolRef(0, "", ["stratum+tcp://host:1"]), WalletRef(0, "", "x")
    return next((s for s in SLOTS if name in _workload_values(WorkloadPlan(s, "X", "x", pool, wallet))), None)


def values_for(content: PlaybookContent, rig_name: str, rig_variables: Mapping[str, str]) -> dict[str, str]:
    """Every value there is for a rig, but the port. A rig's own variable beats the playbook's; neither beats ours, but
    for the worker's name: a rig may keep one when its own name changes."""
    worker = rig_variables.get(WORKER_NAME) or worker_name(rig_name)
    values = {**content.variables, **rig_variables, WORKER_NAME: worker}
    values = {name: value for name, value in values.items() if value}
    for workload in content.workloads:
        values |= _workload_values(workload)
    return values


def _workload_values(workload: WorkloadPlan) -> dict[str, str]:
    prefix, suffix = _SLOTS[workload.slot]

    def name(what: str, part: str = "") -> str:
        return f"{prefix}{what}{suffix}{part}"

    values = {name("COIN"): workload.coin, name("COIN", "_LOWER"): workload.coin.lower()}
    if workload.algorithm:
        values[name("ALGORITHM")] = workload.algorithm
    if workload.wallet is not None:
        values[name("WALLET")] = workload.wallet.wallet
    if workload.pool is not None:
        urls = workload.pool.urls
        for backup, url in (("", urls[0]), ("_BACKUP", urls[min(1, len(urls) - 1)])):
            for part, value in zip(_POOL_PARTS, _pool_values(url), strict=True):
                values[name("POOL", backup + part)] = value
    return values


@lru_cache(maxsize=4096)
def _pool_values(url: str) -> tuple[str, ...]:
    pool = parse_pool_url(url)
    host = f"[{pool.host}]" if ":" in pool.host else pool.host
    tls = pool.tls
    return (
        url,
        host,
        "" if pool.port is None else str(pool.port),
        pool.endpoint,
        "1" if tls else "0",
        "on" if tls else "off",
        "true" if tls else "false",
    )
