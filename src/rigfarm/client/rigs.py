"""`rigfarm rigs` and `rigfarm asics`: list and watch them, and tell them what to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypedDict, Unpack

import click

from rigfarm import units
from rigfarm.client import config
from rigfarm.client.connection import Api, JsonValue
from rigfarm.client.errors import ExitCode, Failure
from rigfarm.client.show import Row, columns, details, hashrates, print_found, print_json, print_table, text, when
from rigfarm.client.waiting import WAIT, wait_for
from rigfarm.client.watch import watch as watch_rows
from rigfarm.common.text import escaped

__all__ = [
    "ALL",
    "AS_JSON",
    "FILTER",
    "WATCH",
    "YES",
    "asics",
    "chosen",
    "confirmed",
    "print_results",
    "rigs",
    "warn_of_circuits",
]

SHOWN_NAMES = 12
MINUTE_S = 60.0
STARTING = ("restart-miner", "reboot", "restart", "resume")
"""Commands after which rigs mine, those that don't mine now too."""
FILTER = click.argument("search", nargs=-1, metavar="[FILTER]...")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print what the API answers.")
WATCH = click.option("--watch", is_flag=True, help="Then print what changes, until Ctrl-C.")
YES = click.option("--yes", is_flag=True, help="Don't ask.")
ALL = click.option("--all", "every", is_flag=True, help="Every rig; instead of a filter.")
AT = click.option("--at", default="", metavar="TIME", help="As it was then: -2h, or 2026-11-29T03:12:05Z.")
COLUMNS = columns(
    id="id",
    name="name",
    state="state",
    hashrate=hashrates,
    power=lambda row: str(units.power(row.get("power_w"))) if "power_w" in row else "",
    place="place",
    tags="tags",
    reason="reason",
)
CREATED = columns(id="id", name="name", token="token")  # noqa: S106 - the name of a field
RESULTS = columns(rig="rig_id", command="title", state="state", detail="detail", id="id", given=when("created_at"))


def chosen(api: Api, kind: str, search: Sequence[str], *, every: bool) -> list[Row]:
    """The rigs that a filter finds now. UsageError where none is given, Failure where it finds nothing."""
    said = " ".join(search).strip()
    if bool(said) == every:
        raise click.UsageError("Give a filter, for example name=rig-7 or place:hall-2, or --all.")
    found = api.all("/api/rigs", kind=kind, filter=said, fields="id,name")
    if not found:
        raise Failure("No rigs match this filter: nothing was done.")
    return found


def confirmed(what: str, found: Sequence[Row], *, yes: bool) -> list[int]:
    """Show what would be done, and ask. Ids of the rigs."""
    names = ", ".join(text(rig["name"]) for rig in found[:SHOWN_NAMES])
    more = f" and {len(found) - SHOWN_NAMES} more" if len(found) > SHOWN_NAMES else ""
    click.echo(f"{what}: {units.counted(len(found), 'rig')}: {names}{more}", err=True)
    if not yes:
        click.confirm("Go on?", abort=True, err=True)
    return [rig["id"] for rig in found]


def warn_of_circuits(api: Api, kind: str, found: Sequence[Row]) -> None:
    """Say which circuits would draw too much if these rigs started to mine. A Commander that is older than this program
    doesn't know circuits."""
    try:
        circuits = api.send("POST", "/api/circuits/forecast", {"rigs": [rig["id"] for rig in found], "kind": kind})
    except Failure:
        return
    for one in circuits:
        if one["detail"]:
            click.echo(text(one["detail"]), err=True)


def print_results(
    results: list[Row], names: Sequence[Row] = (), *, waited: bool = False, as_json: bool = False
) -> None:
    """Of a command, rig by rig. Failure when a rig refused it, or has not answered although one waited for it."""
    if as_json:
        print_json(results)
    else:
        by_id = {rig["id"]: rig["name"] for rig in names}
        print_table([{**one, "rig_id": by_id.get(one["rig_id"], one["rig_id"])} for one in results], RESULTS)
    if refused := sum(one["state"] in ("refused", "failed") for one in results):
        raise Failure(f"{units.counted(refused, 'rig')} of {len(results)} refused it.")
    if waited and (silent := sum(one["state"] != "done" for one in results)):
        raise Failure(f"{units.counted(silent, 'rig')} of {len(results)} did not answer in time.", ExitCode.TIMEOUT)


def _named(api: Api, kind: str, said: str, at: str = "") -> JsonValue:
    """A rig by its id or its name, now or at another time."""
    if said.isascii() and said.isdecimal():
        return api.get(f"/api/rigs/{said}", at=at or None).content
    quoted = said.replace('"', "")
    listed = api.all("/api/rigs", kind=kind, filter=f'name="{quoted}"', at=at or None)
    found = [one for one in listed if one["name"] == said]
    if not found:
        raise Failure(f"There is no rig named {escaped(said)}.")
    return api.get(f"/api/rigs/{found[0]['id']}", at=at or None).content


def _say_when(found: Sequence[Row]) -> None:
    """Of which time the rows of a table are, and how well it is known."""
    if found and (past := found[0].get("past")):
        what = "means of a minute" if past["resolution_s"] == MINUTE_S else "of the last log before"
        click.echo(f"As it was at {text(past['at'])}; figures are {what}.", err=True)
        for note in past.get("notes", ()):
            click.echo(text(note), err=True)


def _group(name: str, kind: str, about: str) -> click.Group:
    """What both kinds have."""

    @click.group(name=name, help=about)
    def group() -> None:
        pass

    @group.command("list")
    @FILTER
    @click.option("--sort", default="name", show_default=True, help="A column of the page; -power: descending.")
    @AT
    @WATCH
    @AS_JSON
    def list_rigs(search: tuple[str, ...], sort: str, at: str, watch: bool, as_json: bool) -> None:
        """Rigs that FILTER finds, in the language of the search box."""
        if watch and at:
            raise click.UsageError("Nothing changes at another time: give --at or --watch.")
        api, said = Api(config.load()), " ".join(search)
        if watch:
            watch_rows(api, "rigs", COLUMNS, as_json=as_json, kind=kind, filter=said)
            return
        found = api.all("/api/rigs", kind=kind, filter=said, sort=sort, at=at or None)
        if as_json:
            print_json(found)
        else:
            _say_when(found)
            print_table(found, COLUMNS)

    @group.command("show")
    @click.argument("rig")
    @AT
    @AS_JSON
    def show_rig(rig: str, at: str, as_json: bool) -> None:
        """One rig with its latest log: by id or name."""
        found = _named(Api(config.load()), kind, rig, at)
        if as_json:
            print_json(found)
        else:
            details(found)

    @group.command("rename")
    @click.argument("rig")
    @click.argument("name")
    def rename_rig(rig: str, name: str) -> None:
        """Give a rig another name."""
        api = Api(config.load())
        found = _named(api, kind, rig)
        changed = api.send("PATCH", f"/api/rigs/{found['id']}", {"name": name})
        click.echo(f"{text(found['name'])} is now {text(changed['name'])}.")

    @group.command("label")
    @FILTER
    @ALL
    @click.option("--place", help="Where they are from now on, such as hall-2/rack-3; empty: nowhere.")
    @click.option("--add-tag", "add", multiple=True, help="Again for each tag.")
    @click.option("--drop-tag", "drop", multiple=True, help="Again for each tag; *: all.")
    @YES
    @AS_JSON
    def label_rigs(
        search: tuple[str, ...],
        every: bool,
        place: str | None,
        add: tuple[str, ...],
        drop: tuple[str, ...],
        yes: bool,
        as_json: bool,
    ) -> None:
        """Change the place and the tags of rigs."""
        if place is None and not add and not drop:
            raise click.UsageError("Give --place, --add-tag or --drop-tag.")
        api = Api(config.load())
        ids = confirmed("Change the labels", chosen(api, kind, search, every=every), yes=yes)
        body: dict[str, JsonValue] = {"rigs": ids, "kind": kind, "add_tags": add, "drop_tags": drop}
        if place is not None:
            body["place"] = place
        print_found(api.send("POST", "/api/rigs/labels", body), COLUMNS, as_json=as_json)

    @group.command("create")
    @click.argument("names", nargs=-1, required=True)
    @AS_JSON
    def create_rigs(names: tuple[str, ...], as_json: bool) -> None:
        """Add rigs, all or none. Each one's token is shown once: its Sentry joins with it."""
        made = Api(config.load()).send("POST", "/api/rigs/many", {"names": names, "kind": kind})
        print_found(made, CREATED, as_json=as_json)

    @group.command("maintain")
    @FILTER
    @ALL
    @click.option("--reason", default="", help="Shown on the rig's page.")
    @click.option("--hours", type=click.FloatRange(0, 8_760, min_open=True), help="Then it ends by itself.")
    @YES
    @AS_JSON
    def maintain_rigs(
        search: tuple[str, ...], every: bool, reason: str, hours: float | None, yes: bool, as_json: bool
    ) -> None:
        """Put rigs into maintenance: nothing alerts about them."""
        api = Api(config.load())
        ids = confirmed("Put into maintenance", chosen(api, kind, search, every=every), yes=yes)
        body: dict[str, JsonValue] = {"rigs": ids, "kind": kind, "reason": reason}
        if hours is not None:
            body["until"] = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
        print_found(api.send("POST", "/api/rigs/maintenance", body), COLUMNS, as_json=as_json)

    @group.command("end-maintenance")
    @FILTER
    @ALL
    @YES
    @AS_JSON
    def end_maintenance(search: tuple[str, ...], every: bool, yes: bool, as_json: bool) -> None:
        """End the maintenance of rigs."""
        api = Api(config.load())
        ids = confirmed("End the maintenance", chosen(api, kind, search, every=every), yes=yes)
        ended = api.send("POST", "/api/rigs/maintenance/end", {"rigs": ids, "kind": kind})
        print_found(ended, COLUMNS, as_json=as_json)

    @group.command("remove")
    @FILTER
    @ALL
    @YES
    def remove_rigs(search: tuple[str, ...], every: bool, yes: bool) -> None:
        """Remove rigs: their Sentries stop mining and clean up."""
        api = Api(config.load())
        ids = confirmed("Remove", chosen(api, kind, search, every=every), yes=yes)
        removed = api.send("POST", "/api/rigs/remove", {"rigs": ids})["rigs"]
        click.echo(f"Removed {units.counted(len(removed), 'rig')}.")

    return group


def _verb(group: click.Group, kind: str, name: str, about: str, command: dict[str, JsonValue]) -> None:
    """A command without values of its own."""

    @group.command(name, help=about)
    @FILTER
    @ALL
    @click.option("--at-once", type=click.IntRange(min=1), help="To so many rigs at a time.")
    @click.option("--pause", "pause_s", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Seconds.")
    @YES
    @WAIT
    @AS_JSON
    def give(at_once: int | None, pause_s: float, **how: Unpack[_How]) -> None:
        pace = None if at_once is None else {"at_once": at_once, "pause_s": pause_s}
        _give(kind, about.rstrip("."), command, pace, **how)


class _How(TypedDict):
    """The options that all commands have."""

    search: tuple[str, ...]
    every: bool
    yes: bool
    wait: bool
    timeout_s: float
    as_json: bool


def _give(kind: str, about: str, command: dict[str, JsonValue], pace: JsonValue = None, **how: Unpack[_How]) -> None:
    api = Api(config.load())
    found = chosen(api, kind, how["search"], every=how["every"])
    if command["type"] in STARTING:
        warn_of_circuits(api, kind, found)
    body = {"command": command, "rigs": confirmed(about, found, yes=how["yes"]), "kind": kind}
    if pace is not None:
        body["pace"] = pace
    results = api.send("POST", "/api/commands", body)
    if results and how["wait"]:
        results = wait_for(api, results[0]["batch"], how["timeout_s"])
    print_results(results, found, waited=how["wait"], as_json=how["as_json"])


rigs = _group("rigs", "cpu-gpu", "CPU/GPU rigs: list, watch, restart, reboot.")
asics = _group("asics", "asic", "ASICs: list, watch, restart, pause, resume.")
_verb(rigs, "cpu-gpu", "restart", "Restart the mining programs.", {"type": "restart-miner"})
_verb(rigs, "cpu-gpu", "reboot", "Reboot the machine.", {"type": "reboot"})
_verb(rigs, "cpu-gpu", "shut-down", "Power the machine off.", {"type": "shut-down"})
_verb(asics, "asic", "restart", "Restart the ASIC.", {"type": "restart"})
_verb(asics, "asic", "pause", "Stop hashing.", {"type": "pause"})
_verb(asics, "asic", "resume", "Hash again after a pause.", {"type": "resume"})


@asics.command("power-limit")
@click.argument("watts", type=click.FloatRange(min=0))
@FILTER
@ALL
@YES
@WAIT
@AS_JSON
def power_limit(watts: float, **how: Unpack[_How]) -> None:
    """Draw no more than WATTS."""
    _give("asic", f"Limit the power to {watts:g} W", {"type": "power-limit", "watts": watts}, **how)


@asics.command("set-pools")
@FILTER
@ALL
@click.option(
    "--pool",
    "pools",
    nargs=2,
    multiple=True,
    required=True,
    metavar="URL USER",
    help="A pool and the login there; again for each pool to fail over to. $WORKER_NAME: each ASIC's own name.",
)
@click.option("--password", default="x", show_default=True, help="At all of these pools.")
@YES
@WAIT
@AS_JSON
def set_pools(pools: tuple[tuple[str, str], ...], password: str, **how: Unpack[_How]) -> None:
    """Replace the pools, in failover order. It decides who is paid: a key needs the scope configure."""
    command = {"type": "set-pools", "pools": [{"url": url, "user": user, "password": password} for url, user in pools]}
    _give("asic", f"Set the pools to {', '.join(text(url) for url, _ in pools)}", command, **how)
