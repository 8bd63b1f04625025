"""Mining programs that flight sheets name, and how Rigfarm gives them their arguments."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct

from rigfarm.commander.playbooks.model import Slot

__all__ = ["Miner", "known_miners", "why_unknown"]


class Miner(Struct, frozen=True, forbid_unknown_fields=True):
    """One program."""

    hive: list[str]
    """HiveOS's names of it."""
    program: str
    """Its name in the catalogue."""
    slot: Slot
    template: str
    algorithm: str
    """The option that names the algorithm."""
    needs_algorithm: bool = False
    overrides: str = "arguments"
    """What a flight sheet's extra settings are: arguments, or JSON for the program's own file."""


class _File(Struct, forbid_unknown_fields=True):
    miner: list[Miner]


@cache
def known_miners() -> dict[str, Miner]:
    """By HiveOS's names."""
    text = (files(__package__) / "data" / "miners.toml").read_bytes()
    return {name: one for one in msgspec.toml.decode(text, type=_File).miner for name in one.hive}


def why_unknown(name: str, alternative: str) -> str:
    """Why flight sheets of this program are left out, and what to do."""
    if name == "custom":
        which = f" {alternative}" if alternative else ""
        return (
            f"It runs a custom program{which}: add it on the Software page, then write a playbook. Its wallets are "
            "imported."
        )
    if name in ("asicminer", "asic"):
        return "It is for ASICs: give them their pools with the command Set pools, once they report."
    return f"Rigfarm has no template for {name}: add the program on the Software page, then write a playbook."
