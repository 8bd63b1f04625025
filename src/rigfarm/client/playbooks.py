"""`rigfarm playbooks` and `rigfarm assignments`."""

from __future__ import annotations

import click

from rigfarm import units
from rigfarm.client import config
from rigfarm.client.connection import Api
from rigfarm.client.editing import editable
from rigfarm.client.rigs import ALL, AS_JSON, FILTER, YES, chosen, confirmed, warn_of_circuits
from rigfarm.client.show import columns, print_found, print_json, print_one, text

__all__ = ["assignments", "playbooks"]


@click.group()
def playbooks() -> None:
    """Playbooks: list, show, create, edit, apply to rigs, start, stop."""


@playbooks.command("list")
@click.argument("words", nargs=-1)
@AS_JSON
def list_playbooks(words: tuple[str, ...], as_json: bool) -> None:
    """Playbooks whose text has these words."""
    found = Api(config.load()).all("/api/playbooks", q=" ".join(words))
    shown = columns(id="id", name="name", revision="revision", coins="coins", software="software", rigs="rigs")
    print_found(found, shown, as_json=as_json)


@playbooks.command("show")
@click.argument("playbook", type=click.IntRange(min=0))
@AS_JSON
def show_playbook(playbook: int, as_json: bool) -> None:
    """One playbook in its newest revision, by id."""
    print_one(Api(config.load()).get(f"/api/playbooks/{playbook}").content, as_json=as_json)


@playbooks.command("apply")
@click.argument("playbook", type=click.IntRange(min=0))
@FILTER
@ALL
@YES
@AS_JSON
def apply_playbook(playbook: int, search: tuple[str, ...], every: bool, yes: bool, as_json: bool) -> None:
    """Have rigs run a playbook's newest revision. What would happen is shown first."""
    api = Api(config.load())
    found = chosen(api, "cpu-gpu", search, every=every)
    body = {"rigs": [rig["id"] for rig in found]}
    plan = api.send("POST", f"/api/playbooks/{playbook}/plan", body)
    counts = ", ".join(f"{text(action)} {count}" for action, count in plan["counts"].items())
    warn_of_circuits(api, "cpu-gpu", found)
    confirmed(f"Apply playbook {playbook}, revision {plan['revision']} ({counts})", found, yes=yes)
    done = api.send("POST", f"/api/playbooks/{playbook}/apply", {**body, "revision": plan["revision"]})
    if as_json:
        print_json(done)
    else:
        click.echo(", ".join(f"{text(action)} {count}" for action, count in done["counts"].items()))


def _on_rigs(verb: str, about: str) -> None:
    @playbooks.command(verb, help=about)
    @click.argument("playbook", type=click.IntRange(min=0))
    @FILTER
    @ALL
    @YES
    def touch(playbook: int, search: tuple[str, ...], every: bool, yes: bool) -> None:
        api = Api(config.load())
        found = chosen(api, "cpu-gpu", search, every=every)
        if verb == "start":
            warn_of_circuits(api, "cpu-gpu", found)
        ids = confirmed(f"{verb.capitalize()} playbook {playbook}", found, yes=yes)
        done = api.send("POST", f"/api/playbooks/{playbook}/{verb}", {"rigs": ids})["rigs"]
        click.echo(f"Changed {units.counted(len(done), 'rig')}.")


_on_rigs("start", "Start it on rigs that have it.")
_on_rigs("stop", "Stop it on rigs that have it; they keep it.")


@click.group()
def assignments() -> None:
    """Which rigs run which playbooks."""


@assignments.command("list")
@click.option("--playbook", type=click.IntRange(min=0), help="The rigs that have this playbook.")
@click.option("--rig", type=click.IntRange(min=0), help="The playbooks of this rig.")
@AS_JSON
def list_assignments(playbook: int | None, rig: int | None, as_json: bool) -> None:
    """The rigs of a playbook, or the playbooks of a rig."""
    if (playbook is None) == (rig is None):
        raise click.UsageError("Give --playbook or --rig.")
    path = f"/api/playbooks/{playbook}/rigs" if rig is None else f"/api/rigs/{rig}/playbooks"
    shown = columns(
        rig="rig_id", playbook="name", revision="revision", newest="newest", wanted="wanted", state="state",
        detail="detail",
    )  # fmt: skip
    print_found(Api(config.load()).all(path), shown, as_json=as_json)


editable(playbooks, "/api/playbooks", "playbook")
