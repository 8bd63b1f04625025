"""`rigfarm commander backup` and `restore`: what is in a file, what is refused, what a broken file or an interruption
leaves behind. Under load, with a rig that mines: tests/faults/test_backup_under_load.py."""

from __future__ import annotations

import io
import json
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from rigfarm.commander.backup import BackupError, make_backup, note_database, refuse_half_restored, restore_backup
from rigfarm.commander.backup import restore as restoring
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import Storage


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """Of a farm: a database with a login and a command that waits, a key, an archive."""
    folder = tmp_path / "farm"
    (folder / "identity").mkdir(parents=True)
    (folder / "identity" / "key.pem").write_text("the key")
    (folder / "archives").mkdir()
    (folder / "archives" / ("a" * 64)).write_bytes(b"a miner")
    (folder / "archives" / "half.part").write_bytes(b"half a miner")
    settings = Settings(data_dir=folder)
    storage = await Storage.open(settings.database)
    await storage.close()
    with closing(sqlite3.connect(folder / "rigfarm.db")) as db, db:
        columns = "id_hash, label, address, created_at, last_used_at"
        db.execute(f"INSERT INTO sessions ({columns}) VALUES (?, 'Firefox', '10.0.0.1', 1, 1)", (b"s" * 32,))
        rig = "INSERT INTO rigs (id, name, name_key, kind, token_hash, created_at, revision) "
        db.execute(f"{rig} VALUES (7, 'rig-7', 'rig-7', 'cpu-gpu', ?, 1, 1)", (b"t" * 32,))
    return settings


def made(settings: Settings, path: Path, **options: bool) -> bytes:
    make_backup(settings, path, **options)
    return path.read_bytes()


def content(backup: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(backup)) as tar:
        return {one.name: part.read() for one in tar if (part := tar.extractfile(one)) is not None}


def packed(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_backup_is_for_its_user_only_and_has_what_it_says(settings: Settings, tmp_path: Path) -> None:
    target, config = tmp_path / "farm.backup", tmp_path / "commander.toml"
    config.write_text("port = 7071\n")
    make_backup(settings, target, config=config)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(content(target.read_bytes())) == ["rigfarm.db", "identity/key.pem", "settings.toml", "manifest.json"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == [], "nothing half-made is left"
    assert f"archives/{'a' * 64}" in content(made(settings, tmp_path / "whole", archives=True))
    assert "archives/half.part" not in content((tmp_path / "whole").read_bytes())


def test_a_file_is_never_overwritten_nor_left_half_made(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "farm.backup"
    target.write_text("the last good backup")
    with pytest.raises(BackupError, match="already exists"):
        make_backup(settings, target)
    assert target.read_text() == "the last good backup"
    with monkeypatch.context() as patch:
        real = Path.exists
        patch.setattr(Path, "exists", lambda path: path != target and real(path))  # it comes while the backup is made
        with pytest.raises(BackupError, match="already exists"):
            make_backup(settings, target)
    assert target.read_text() == "the last good backup"
    (settings.data_dir / "rigfarm.db").write_bytes(b"not a database" * 100)
    before = set(tmp_path.iterdir())
    with pytest.raises(BackupError, match="could not be made"):
        make_backup(settings, tmp_path / "other")
    assert set(tmp_path.iterdir()) == before
    with pytest.raises(BackupError, match="No Commander's data"):
        make_backup(Settings(data_dir=tmp_path), tmp_path / "other")


def test_a_farm_elsewhere_is_not_looked_for_in_the_folder(settings: Settings, tmp_path: Path) -> None:
    """Without --config, an old SQLite is not taken for the farm in PostgreSQL, nor one that does not exist."""
    note_database(settings.data_dir, "postgresql://server/farm")
    assert stat.S_IMODE((settings.data_dir / "database-kind").stat().st_mode) == 0o600
    with pytest.raises(BackupError, match=r"uses PostgreSQL: name its settings with --config\."):
        make_backup(settings, tmp_path / "farm.backup")
    note_database(settings.data_dir, None)
    (settings.data_dir / "rigfarm.db").unlink()
    with pytest.raises(BackupError, match=r"has no rigfarm\.db"):
        make_backup(settings, tmp_path / "farm.backup")
    assert not (tmp_path / "farm.backup").exists()


def test_a_restored_farm_has_its_rigs_and_no_old_login(settings: Settings, tmp_path: Path) -> None:
    backup, folder = made(settings, tmp_path / "farm.backup"), tmp_path / "new"
    folder.mkdir()
    _, aside = restore_backup(io.BytesIO(backup), folder)
    assert aside is None
    assert (folder / "identity" / "key.pem").read_text() == "the key"
    assert not [path for path in folder.rglob("*") if path.stat().st_mode & 0o077]
    with closing(sqlite3.connect(folder / "rigfarm.db")) as db:
        assert db.execute("SELECT id, name FROM rigs").fetchall() == [(7, "rig-7")]
        assert db.execute("SELECT count(*) FROM sessions").fetchone() == (0,)
    refuse_half_restored(folder)


def test_a_farm_that_is_there_is_kept(settings: Settings, tmp_path: Path) -> None:
    backup, folder = made(settings, tmp_path / "farm.backup"), settings.data_dir
    (folder / "identity" / "key.pem").write_text("another key")
    before = tree(folder)
    with pytest.raises(BackupError, match="is not empty"):
        restore_backup(io.BytesIO(backup), folder)
    assert tree(folder) == before
    _, aside = restore_backup(io.BytesIO(backup), folder, replace=True)
    assert aside is not None
    assert tree(aside) == before
    assert (folder / "identity" / "key.pem").read_text() == "the key"
    assert not (folder / "archives").exists()


def _changed(files: dict[str, bytes]) -> bytes:
    return packed(files | {"identity/key.pem": b"the kez"})


def _longer(files: dict[str, bytes]) -> bytes:
    return packed({"identity/other.pem": b"x", **files})


def _escaping(files: dict[str, bytes]) -> bytes:
    manifest = json.loads(files["manifest.json"])
    manifest["files"]["../evil"] = manifest["files"].pop("identity/key.pem")
    rest = {name: data for name, data in files.items() if name not in ("identity/key.pem", "manifest.json")}
    return packed({**rest, "../evil": files["identity/key.pem"], "manifest.json": json.dumps(manifest).encode()})


def _newer(files: dict[str, bytes]) -> bytes:
    return packed(files | {"manifest.json": files["manifest.json"].replace(b'"format":1', b'"format":2')})


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda files: packed(files)[:-30_000], "not a"),
        (lambda files: packed({name: data for name, data in files.items() if name != "manifest.json"}), "its end"),
        (lambda files: b"not a backup", "not a backup|cannot be restored"),
        (lambda files: b"", "not a|cannot be restored"),
        (_changed, "SHA-256 differs"),
        (_longer, "not those that it lists"),
        (_escaping, "no Commander has"),
        (_newer, "another Rigfarm"),
    ],
)
def test_a_broken_backup_touches_nothing(
    settings: Settings, tmp_path: Path, broken: Callable[[dict[str, bytes]], bytes], said: str
) -> None:
    backup = made(settings, tmp_path / "farm.backup")
    before = tree(tmp_path)
    with pytest.raises(BackupError, match=said):
        restore_backup(io.BytesIO(broken(content(backup))), settings.data_dir, replace=True)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("moves", range(5))
def test_an_interrupted_restore_starts_no_empty_farm(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    """Killed after so many files were moved: the farm is the old one, or the Commander refuses to start on it."""
    backup, folder = made(settings, tmp_path / "farm.backup"), settings.data_dir
    old, rename, left = tree(folder), Path.rename, [moves]

    def killed(self: Path, target: Path) -> Path:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(restoring.Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            restore_backup(io.BytesIO(backup), folder, replace=True)
    with pytest.raises(BackupError, match="SHA-256 differs"):
        restore_backup(io.BytesIO(_changed(content(backup))), folder, replace=True)
    with pytest.raises(BackupError, match="was interrupted"):
        refuse_half_restored(folder)
    with pytest.raises(BackupError, match="was interrupted"):
        make_backup(settings, tmp_path / "half")
    restore_backup(io.BytesIO(backup), folder, replace=True)
    refuse_half_restored(folder)
    assert (folder / "identity" / "key.pem").read_text() == "the key"
    kept = {name.partition("/")[2]: data for name, data in tree(folder).items() if name.startswith("before-restore-")}
    assert kept == old, "every file of the old farm is in a folder that says so"
