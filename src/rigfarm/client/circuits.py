"""`rigfarm circuits`: what each may carry, draws, and would draw."""

from __future__ import annotations

from collections.abc import Callable

import click

from rigfarm import units
from rigfarm.client import config
from rigfarm.client.connection import Api
from rigfarm.client.editing import editable
from rigfarm.client.rigs import ALL, AS_JSON, FILTER, chosen
from rigfarm.client.show import Row, columns, print_found, print_one

__all__ = ["circuits"]


def _watts(name: str) -> Callable[[Row], str]:
    """A power of a circuit; one that rigs of unknown power add to has a plus."""

    def value(row: Row) -> str:
        watts = row.get(name)
        more = "+" if row.get("unknown_rigs") and name != "limit_w" and watts is not None else ""
        return "" if watts is None else f"{units.power(watts)}{more}"

    return value


@click.group()
def circuits() -> None:
    """Circuits: what each draws, of its limit."""


@circuits.command("list")
@click.argument("words", nargs=-1)
@AS_JSON
def list_circuits(words: tuple[str, ...], as_json: bool) -> None:
    """Circuits with these words in their name, places or notes. A + means that some rigs' power is unknown."""
    found = Api(config.load()).all("/api/circuits", q=" ".join(words))
    shown = columns(
        id="id", name="name", power=_watts("power_w"), limit=_watts("limit_w"),
        share=lambda row: str(units.percent(row.get("share"))), rigs="rigs", unknown="unknown_rigs", places="places",
    )  # fmt: skip
    print_found(found, shown, as_json=as_json)


@circuits.command("show")
@click.argument("circuit", type=click.IntRange(min=0))
@AS_JSON
def show_circuit(circuit: int, as_json: bool) -> None:
    """One circuit, by id."""
    print_one(Api(config.load()).get(f"/api/circuits/{circuit}").content, as_json=as_json)


@circuits.command("forecast")
@FILTER
@ALL
@click.option("--asics", is_flag=True, help="ASICs; else CPU/GPU rigs.")
@AS_JSON
def forecast_circuits(search: tuple[str, ...], every: bool, asics: bool, as_json: bool) -> None:
    """What circuits would draw if the rigs that FILTER finds started to mine. Changes nothing."""
    api, kind = Api(config.load()), "asic" if asics else "cpu-gpu"
    found = chosen(api, kind, search, every=every)
    body = {"rigs": [rig["id"] for rig in found], "kind": kind}
    shown = columns(
        id="circuit_id", name="name", now=_watts("power_w"), then=_watts("then_w"), limit=_watts("limit_w"),
        level="level", detail="detail",
    )  # fmt: skip
    print_found(api.send("POST", "/api/circuits/forecast", body), shown, as_json=as_json)


editable(circuits, "/api/circuits", "circuit")
