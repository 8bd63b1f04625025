"""Options of the commands that install and remove a service."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["ROOT"]

ROOT = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True, resolve_path=True),
    default="/",
    envvar="RIGFARMROOT",
    help="Where the file system of the machine is, for an image that does not run.",
)
