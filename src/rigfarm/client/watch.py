"""`--watch`: prints what changes, as it changes, until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime

import click

from rigfarm.client.connection import MAX_ROWS, Api
from rigfarm.client.errors import ExitCode, Failure
from rigfarm.client.show import Column, Row, line, print_json, print_table, text

__all__ = ["watch"]

FIRST_S = 1.0
LONGEST_S = 30.0


def watch(api: Api, of: str, shown: Sequence[Column], *, as_json: bool, **query: str | None) -> None:
    """First all rows, then changed ones. A connection that ends is opened again."""
    wait_s = FIRST_S
    while True:
        try:
            for name, data in _events(api, of, query):
                wait_s = FIRST_S
                if as_json:
                    print_json({"event": name, "data": data}, lines=True)
                else:
                    _show(name, data, shown)
        except KeyboardInterrupt:
            return
        except Failure as failure:
            if failure.exit_code != ExitCode.UNREACHABLE or wait_s >= LONGEST_S:
                raise
            failure.show()
        try:
            time.sleep(wait_s)
        except KeyboardInterrupt:
            return
        wait_s = min(wait_s * 2, LONGEST_S)


def _events(api: Api, of: str, query: dict[str, str | None]) -> Iterator[tuple[str, Row | list[Row]]]:
    """Those of the stream, with all rows of a snapshot as one."""
    snapshot: list[Row] | None = None
    for name, data in api.stream(of=of, **query):
        if name == "reset":
            snapshot = []
        elif name == "ready":
            yield "snapshot", snapshot or []
            snapshot = None
        elif snapshot is not None:
            snapshot.append(data)
            if len(snapshot) > MAX_ROWS:
                raise Failure("The list is too long.")
        else:
            yield name, data


def _show(name: str, data: Row | list[Row], shown: Sequence[Column]) -> None:
    if isinstance(data, list):
        print_table(data, shown)
        return
    said = line(data, shown) if "-" not in name else f"{text(data.get('id', ''))}  {name.partition('-')[2]}"
    click.echo(f"{datetime.now():%H:%M:%S}  {said}")
