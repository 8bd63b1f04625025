"""Files of mining software reach every replica, and only what is what its name says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from rigfarm.commander.replicas.archives import SharedArchives
from rigfarm.commander.replicas.stream import Stream
from rigfarm.commander.supervised import Part


def put(folder: Path, data: bytes) -> str:
    folder.mkdir(exist_ok=True)
    name = hashlib.sha256(data).hexdigest()
    (folder / name).write_bytes(data)
    return name


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def here(tmp_path: Path, stream: Stream) -> tuple[SharedArchives, Path]:
    return SharedArchives(stream, tmp_path / "here"), tmp_path / "here"


@pytest.fixture
def there(tmp_path: Path, other: Stream) -> tuple[SharedArchives, Path]:
    return SharedArchives(other, tmp_path / "there"), tmp_path / "there"


async def test_what_the_one_that_leads_has_all_get_and_lose_again(
    here: tuple[SharedArchives, Path], there: tuple[SharedArchives, Path]
) -> None:
    leads, folder = here
    follows, other = there
    name = put(folder, b"program" * 100_000)
    put(other, b"only of the one that follows")
    await leads._exchange(Part(), leads=True)
    await follows._exchange(Part(), leads=False)
    assert name in names(other)
    assert (other / name).read_bytes() == (folder / name).read_bytes()
    await leads._exchange(Part(), leads=True)
    assert names(folder) == {name}, "one that follows gives nothing"
    (folder / name).unlink()
    await leads._exchange(Part(), leads=True)
    (other / name).unlink()
    await follows._exchange(Part(), leads=False)
    assert name not in names(other), "it was deleted for all"


async def test_a_file_that_is_not_what_its_name_says_is_not_kept(there: tuple[SharedArchives, Path]) -> None:
    follows, folder = there
    store = await follows._store()
    await store.put("a" * 64, b"something else")
    await store.put("../../etc/passwd", b"no hash")
    await follows._exchange(Part(), leads=False)
    assert names(folder) == set()
