"""Create, edit and delete what the API keeps, as JSON: from a file, or from standard input."""

from __future__ import annotations

import json
from typing import IO

import click

from rigfarm.client import config
from rigfarm.client.connection import Api, JsonValue
from rigfarm.client.rigs import AS_JSON, YES
from rigfarm.client.show import print_one, text

__all__ = ["FILE", "ID", "editable", "print_made"]

ID = click.argument("number", type=click.IntRange(min=0), metavar="ID")
FILE = click.argument("file", type=click.File("rb"), default="-")
MAX_FILE = 1 << 20
TOLD = {
    "id",
    "created_at",
    "updated_at",
    "used_by",
    "warning",
    "file",
    "content",
    "states",
    "rigs",
    "behind",
    "rollout",
    "power_w",
    "share",
    "unknown_rigs",
}
"""Fields of the API's answers that can't be set."""


def editable(group: click.Group, path: str, what: str) -> None:
    """Give a group the commands that change the things at `path`; `what` is one of them, in words."""

    @group.command("create", help=f"Create a {what} from the JSON in FILE; without FILE, from standard input.")
    @FILE
    @AS_JSON
    def create(file: IO[bytes], as_json: bool) -> None:
        body = _settable(_object(file))
        body.pop("revision", None)
        print_made(Api(config.load()).send("POST", path, body), what, "Created", as_json=as_json)

    @group.command(
        "edit",
        help=f"Change a {what} by the JSON in FILE, or on standard input: fields that are left out don't change. It "
        "may be what `show --json` printed; if someone else has changed it since then, that is refused.",
    )
    @ID
    @FILE
    @AS_JSON
    def edit(number: int, file: IO[bytes], as_json: bool) -> None:
        body = _settable(_object(file))
        print_made(Api(config.load()).send("PATCH", f"{path}/{number}", body), what, "Changed", as_json=as_json)

    @group.command("delete", help=f"Delete a {what}, by id.")
    @ID
    @click.option("--even-if-used", is_flag=True, help="Although it is in use.")
    @YES
    def delete(number: int, even_if_used: bool, yes: bool) -> None:
        api = Api(config.load())
        found = api.get(f"{path}/{number}").content
        if not yes:
            click.confirm(f"Delete {what} {number}, {text(found['name'])}?", abort=True, err=True)
        api.send("DELETE", f"{path}/{number}", even_if_used="true" if even_if_used else None)
        click.echo(f"Deleted {what} {number}, {text(found['name'])}.")


def print_made(found: JsonValue, what: str, done: str, *, as_json: bool) -> None:
    """A thing that was created or changed."""
    if as_json:
        print_one(found, as_json=True)
    else:
        click.echo(f"{done} {what} {text(found['id'])}, {text(found['name'])}.")
        if warning := found.get("warning"):
            click.echo(text(warning), err=True)


def _object(file: IO[bytes]) -> dict[str, JsonValue]:
    said = file.read(MAX_FILE + 1)
    if len(said) > MAX_FILE:
        raise click.UsageError(f"{file.name} is larger than 1 MiB.")
    try:
        found = json.loads(said)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"{file.name} is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise click.UsageError(f'{file.name} is not a JSON object, such as {{"name": "…"}}.')
    return found


def _settable(found: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Of what the API says of a thing, what can be set. A playbook's fields are those of its `form`."""
    form = found.get("form")
    if isinstance(form, dict):
        return form | ({"revision": found["revision"]} if "revision" in found else {})
    return {name: value for name, value in found.items() if name not in TOLD}
