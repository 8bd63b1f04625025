"""What else is in a farm: playbooks, assignments, circuits, commands, alerts, history, activity."""

from __future__ import annotations

from collections.abc import Callable

import click

from rigfarm import units
from rigfarm.client import config
from rigfarm.client.connection import Api, JsonValue
from rigfarm.client.rigs import ALL, AS_JSON, FILTER, WATCH, YES, chosen, confirmed
from rigfarm.client.show import Column, Row, columns, details, print_json, print_table, text, when
from rigfarm.client.watch import watch as watch_rows

__all__ = ["activity", "alerts", "assignments", "circuits", "commands", "history", "playbooks"]

LIMIT = click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many at most.")
ALERTS = columns(
    id="id", severity="severity", state="state", rule="rule", rigs="open_rigs", since=when("started_at"), text="text"
)
ACTIVITY = columns(
    at=when("at"), by="by", who="who", action="action", target="target", outcome="outcome", address="address"
)


def _print(found: list[Row], shown: tuple[Column, ...], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        print_table(found, shown)


def _print_one(found: JsonValue, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        details(found)


# Playbooks and assignments


@click.group()
def playbooks() -> None:
    """Playbooks: list, show, apply to rigs, start, stop."""


@playbooks.command("list")
@click.argument("words", nargs=-1)
@AS_JSON
def list_playbooks(words: tuple[str, ...], as_json: bool) -> None:
    """Playbooks whose text has these words."""
    found = Api(config.load()).all("/api/playbooks", q=" ".join(words))
    shown = columns(id="id", name="name", revision="revision", coins="coins", software="software", rigs="rigs")
    _print(found, shown, as_json=as_json)


@playbooks.command("show")
@click.argument("playbook", type=click.IntRange(min=0))
@AS_JSON
def show_playbook(playbook: int, as_json: bool) -> None:
    """One playbook in its newest revision, by id."""
    _print_one(Api(config.load()).get(f"/api/playbooks/{playbook}").content, as_json=as_json)


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
    for circuit in plan["circuits"]:
        if circuit["detail"]:
            click.echo(text(circuit["detail"]), err=True)
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
        ids = confirmed(
            f"{verb.capitalize()} playbook {playbook}", chosen(api, "cpu-gpu", search, every=every), yes=yes
        )
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
    _print(Api(config.load()).all(path), shown, as_json=as_json)


# Circuits


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
    _print(found, shown, as_json=as_json)


@circuits.command("show")
@click.argument("circuit", type=click.IntRange(min=0))
@AS_JSON
def show_circuit(circuit: int, as_json: bool) -> None:
    """One circuit, by id."""
    _print_one(Api(config.load()).get(f"/api/circuits/{circuit}").content, as_json=as_json)


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
    _print(api.send("POST", "/api/circuits/forecast", body), shown, as_json=as_json)


# Commands


@click.group()
def commands() -> None:
    """Commands that rigs were given, and how they ended."""


@commands.command("list")
@click.option("--rig", type=click.IntRange(min=0), help="Only those of this rig.")
@click.option("--batch", help="Only those of one request.")
@LIMIT
@AS_JSON
def list_commands(rig: int | None, batch: str | None, limit: int, as_json: bool) -> None:
    """The latest commands."""
    found = Api(config.load()).get("/api/commands", rig=rig, batch=batch, limit=limit).content
    shown = columns(
        id="id", rig="rig_id", command="title", state="state", detail="detail", given=when("created_at"),
        effect=lambda row: text((row.get("effect") or {}).get("verdict", "")),
    )  # fmt: skip
    _print(found, shown, as_json=as_json)


@commands.command("cancel")
@click.argument("command")
@AS_JSON
def cancel_command(command: str, as_json: bool) -> None:
    """Cancel a command that was not sent yet, by id."""
    if not command.isalnum():
        raise click.UsageError("A command's id has letters and digits only.")
    done = Api(config.load()).send("DELETE", f"/api/commands/{command}")
    if as_json:
        print_json(done)
    else:
        click.echo(f"{text(done['title'])}: {text(done['state'])} {text(done['detail'])}")


# Alerts


@click.group()
def alerts() -> None:
    """Alerts: list, watch, acknowledge, snooze, end."""


@alerts.command("list")
@click.option("--state", type=click.Choice(["firing", "acknowledged", "snoozed", "resolved"]))
@WATCH
@LIMIT
@AS_JSON
def list_alerts(state: str | None, watch: bool, limit: int, as_json: bool) -> None:
    """Open alerts, or resolved ones."""
    api = Api(config.load())
    if watch:
        watch_rows(api, "alerts", ALERTS, as_json=as_json)
        return
    _print(api.get("/api/alerts", state=state, limit=limit).content, ALERTS, as_json=as_json)


@alerts.command("show")
@click.argument("alert", type=click.IntRange(min=0))
@AS_JSON
def show_alert(alert: int, as_json: bool) -> None:
    """One alert with its rigs, by id."""
    _print_one(Api(config.load()).get(f"/api/alerts/{alert}").content, as_json=as_json)


def _decide(alert: int, verb: str, body: JsonValue = None) -> None:
    done = Api(config.load()).send("POST", f"/api/alerts/{alert}/{verb}", body)
    click.echo(f"Alert {alert}: {text(done['state'])}.")


@alerts.command("acknowledge")
@click.argument("alert", type=click.IntRange(min=0))
def acknowledge_alert(alert: int) -> None:
    """Say that you see to it: it is no longer escalated."""
    _decide(alert, "acknowledge")


@alerts.command("snooze")
@click.argument("alert", type=click.IntRange(min=0))
@click.option("--minutes", type=click.FloatRange(1, 10_080), default=60, show_default=True)
def snooze_alert(alert: int, minutes: float) -> None:
    """Be quiet about it for some time."""
    _decide(alert, "snooze", {"minutes": minutes})


@alerts.command("end")
@click.argument("alert", type=click.IntRange(min=0))
def end_alert(alert: int) -> None:
    """End it by hand."""
    _decide(alert, "end")


@alerts.command("note")
@click.argument("alert", type=click.IntRange(min=0))
@click.argument("words")
def note_alert(alert: int, words: str) -> None:
    """Add a note to it."""
    _decide(alert, "notes", {"text": words})


# History and activity


@click.group()
def history() -> None:
    """What happened, and how rigs mined."""


FROM = click.option("--from", "begin", default="-24h", show_default=True, help="-24h, -7d, or a time (ISO 8601).")
TO = click.option("--to", "end", default="now", show_default=True, help="Likewise.")
RIG = click.option("--rig", type=click.IntRange(min=0), help="Only this rig, by id; else the farm.")


@history.command("events")
@RIG
@FROM
@TO
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="The newest so many.")
@AS_JSON
def list_events(rig: int | None, begin: str, end: str, limit: int, as_json: bool) -> None:
    """States, commands, new revisions, rigs that came and went; oldest first."""
    api = Api(config.load())
    found = api.get("/api/history/events", rig=rig, from_=begin, to=end, limit=limit).content
    shown = columns(at=when("at"), rig="rig", what="what", title="title", before="before", detail="detail")
    _print(found, shown, as_json=as_json)


@history.command("show")
@RIG
@FROM
@TO
@AS_JSON
def show_history(rig: int | None, begin: str, end: str, as_json: bool) -> None:
    """Hashrates, power and temperatures: the last value of each line, and the least and the most."""
    found = Api(config.load()).get("/api/history", rig=rig, from_=begin, to=end).content
    if as_json:
        print_json(found)
        return
    rows = []
    for one in found["lines"]:
        known = [value for value in one["values"] if value is not None]
        if known:
            values = {"last": known[-1], "least": min(known), "most": max(known)}
            rows.append({**one, **{name: f"{value:g}" for name, value in values.items()}})
    print_table(rows, columns(line="name", group="group", last="last", least="least", most="most", unit="unit"))


@click.group()
def activity() -> None:
    """Who changed what, and when."""


@activity.command("list")
@click.argument("words", nargs=-1)
@WATCH
@LIMIT
@AS_JSON
def list_activity(words: tuple[str, ...], watch: bool, limit: int, as_json: bool) -> None:
    """Entries that have these words, newest first."""
    api = Api(config.load())
    if watch:
        if words:
            raise click.UsageError("--watch shows all of the activity: leave out the words.")
        watch_rows(api, "activity", ACTIVITY, as_json=as_json)
        return
    found = api.get("/api/activity", q=" ".join(words), limit=limit).content
    _print(found["entries"], ACTIVITY, as_json=as_json)
