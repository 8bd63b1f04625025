"""`rigfarm software` and `rigfarm addresses`: what playbooks are made of."""

from __future__ import annotations

from pathlib import Path

import click

from rigfarm.client import config
from rigfarm.client.connection import Api
from rigfarm.client.editing import ID, editable
from rigfarm.client.rigs import AS_JSON
from rigfarm.client.show import Column, columns, print_found, print_one, text

__all__ = ["addresses", "software"]


@click.group()
def software() -> None:
    """Mining software: list, show, create, fetch its file, edit, delete."""


@click.group()
def addresses() -> None:
    """Pools and wallets: list, show, create, edit, delete."""


def _looked_at(group: click.Group, path: str, what: str, shown: tuple[Column, ...]) -> None:
    @group.command("list", help=f"Each {what} whose text has these words.")
    @click.argument("words", nargs=-1)
    @AS_JSON
    def list_all(words: tuple[str, ...], as_json: bool) -> None:
        print_found(Api(config.load()).all(path, q=" ".join(words)), shown, as_json=as_json)

    @group.command("show", help=f"One {what}, by id.")
    @ID
    @AS_JSON
    def show(number: int, as_json: bool) -> None:
        print_one(Api(config.load()).get(f"{path}/{number}").content, as_json=as_json)

    editable(group, path, what)


_looked_at(
    software,
    "/api/software",
    "mining program",
    columns(
        id="id", name="name", version="version", adapter="adapter", devices="devices",
        file=lambda row: text((row.get("file") or {}).get("state", "")),
    ),
)  # fmt: skip
_looked_at(
    addresses,
    "/api/addresses",
    "pool or wallet",
    columns(
        id="id", kind="kind", name="name", coin="coin",
        address=lambda row: text(row.get("wallet") or row.get("urls") or ""), warning="warning",
    ),
)  # fmt: skip


@software.command("fetch")
@ID
def fetch_software(number: int) -> None:
    """Have the Commander fetch its file; `show` says how far it is."""
    done = Api(config.load()).send("POST", f"/api/software/{number}/fetch")
    click.echo(f"File: {text(done['file']['state'])}.")


@software.command("upload")
@ID
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def upload_software(number: int, file: Path) -> None:
    """Send its file, for a Commander without Internet."""
    done = Api(config.load()).upload(f"/api/software/{number}/archive", file)
    click.echo(f"File: {text(done['file']['state'])}, SHA-256 {text(done['file'].get('sha256', 'unknown'))}.")


@software.command("pin")
@ID
@click.argument("sha256")
def pin_software(number: int, sha256: str) -> None:
    """Confirm its file by its SHA-256: from then on rigs may have it."""
    done = Api(config.load()).send("POST", f"/api/software/{number}/pin", {"sha256": sha256})
    click.echo(f"File: {text(done['file']['state'])}.")
