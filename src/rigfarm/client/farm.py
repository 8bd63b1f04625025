"""What else is in a farm: commands, alerts, history, activity."""

from __future__ import annotations

import click

from rigfarm.client import config
from rigfarm.client.connection import Api, JsonValue
from rigfarm.client.rigs import AS_JSON, WATCH, print_results
from rigfarm.client.show import columns, print_found, print_json, print_one, print_table, text, when
from rigfarm.client.waiting import TIMEOUT, wait_for
from rigfarm.client.watch import watch as watch_rows

__all__ = ["activity", "alerts", "commands", "history"]

LIMIT = click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most.")
ALERTS = columns(
    id="id", severity="severity", state="state", rule="rule", rigs="open_rigs", since=when("started_at"), text="text"
)
ACTIVITY = columns(
    at=when("at"), by="by", who="who", action="action", target="target", outcome="outcome", address="address"
)


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
    found = Api(config.load()).all("/api/commands", most=limit, rig=rig, batch=batch)
    shown = columns(
        id="id", rig="rig_id", command="title", state="state", detail="detail", given=when("created_at"),
        effect=lambda row: text((row.get("effect") or {}).get("verdict", "")),
    )  # fmt: skip
    print_found(found, shown, as_json=as_json)


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


@commands.command("wait")
@click.argument("batch")
@TIMEOUT
@AS_JSON
def wait_for_commands(batch: str, timeout_s: float, as_json: bool) -> None:
    """Wait until each rig has answered the commands of one request, by its batch."""
    print_results(wait_for(Api(config.load()), batch, timeout_s), waited=True, as_json=as_json)


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
    print_found(api.all("/api/alerts", most=limit, state=state), ALERTS, as_json=as_json)


@alerts.command("show")
@click.argument("alert", type=click.IntRange(min=0))
@AS_JSON
def show_alert(alert: int, as_json: bool) -> None:
    """One alert with its rigs, by id."""
    print_one(Api(config.load()).get(f"/api/alerts/{alert}").content, as_json=as_json)


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
    found = api.all("/api/history/events", most=limit, rig=rig, from_=begin, to=end)[::-1]
    shown = columns(at=when("at"), rig="rig", what="what", title="title", before="before", detail="detail")
    print_found(found, shown, as_json=as_json)


@history.command("show")
@RIG
@FROM
@TO
@click.option("--resolution", type=click.IntRange(5, 86_400), help="Seconds between two points; else as fine as fits.")
@click.option("--csv", "as_csv", is_flag=True, help="Print every point as CSV.")
@AS_JSON
def show_history(rig: int | None, begin: str, end: str, resolution: int | None, as_csv: bool, as_json: bool) -> None:
    """Hashrates, power and temperatures: the last value of each line, and the least and the most."""
    if as_csv and as_json:
        raise click.UsageError("Choose --csv or --json.")
    api = Api(config.load())
    if as_csv:
        click.echo(api.text("/api/history.csv", rig=rig, from_=begin, to=end, resolution=resolution), nl=False)
        return
    found = api.get("/api/history", rig=rig, from_=begin, to=end, resolution=resolution).content
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
    print_found(api.all("/api/activity", most=limit, q=" ".join(words)), ACTIVITY, as_json=as_json)
