from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rigfarm.sentry.playbooks import Settings
from rigfarm.simulate.program.pack import archive_for, pack
from rigfarm.wire.playbooks import Archive
from support.program.depot import Depot
from support.program.rig import IMPATIENT, Rig


@pytest.fixture
def depot() -> Iterator[Depot]:
    with Depot() as one:
        yield one


@pytest.fixture
def archive(depot: Depot) -> Archive:
    """The fake mining program, ready to be fetched."""
    return serve(depot, "tar.gz", top="fakeminer-1.0")


def serve(depot: Depot, format: str = "tar.gz", *, top: str | None = None, version: str = "1.0") -> Archive:
    content = pack(format, top=top, salt=version)
    found = archive_for(content, format, version=version)
    depot.put(content, found.path)
    return found


@pytest.fixture
def serving(depot: Depot) -> Callable[..., Archive]:
    return lambda *args, **options: serve(depot, *args, **options)


@pytest.fixture
def rig(tmp_path: Path, depot: Depot) -> Callable[..., Rig]:
    """A rig on this test's folder: the same rig each time it is called."""

    def make(settings: Settings = IMPATIENT, **options: object) -> Rig:
        return Rig(tmp_path / "sentry", depot.url, depot.token, settings=settings, **options)  # type: ignore[arg-type]

    return make
