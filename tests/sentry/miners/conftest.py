"""Recorded answers by program and case, read through their adapter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rigfarm.sentry.miners import adapters, interpret
from rigfarm.sentry.readings import MinerReading, WorkloadSource

FIXTURES = Path(__file__).parents[2] / "fixtures" / "miners"

Recorded = Callable[..., MinerReading]


def recorded_answers(name: str, case: str) -> dict[str, bytes]:
    """The files `CASE.REQUEST.*` of a program, by request."""
    files = sorted((FIXTURES / name).glob(f"{case}.*.*"))
    assert files, f"no fixture {name}/{case}"
    return {path.name.split(".")[1]: path.read_bytes() for path in files}


@pytest.fixture
def recorded() -> Recorded:
    """`recorded("xmrig", "healthy", coins=["XMR"])`: the reading of that case."""

    def read_case(name: str, case: str, **source: object) -> MinerReading:
        where = WorkloadSource(adapter=name, port=1, **source)  # type: ignore[arg-type]
        return interpret(recorded_answers(name, case), where, adapters()[name])

    return read_case
