"""Put the unit in place, and take it away. Every step that was done is a sentence."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from rigfarm.sentry.install.command import command
from rigfarm.sentry.install.errors import InstallError
from rigfarm.sentry.install.program import (
    COMMAND,
    own_program,
    put_command,
    remove_command,
    remove_older,
    remove_program,
)
from rigfarm.sentry.install.systemd import FOLDER, Systemctl, need_root, need_systemd, offline, systemctl
from rigfarm.sentry.install.unit import DATA_DIR, unit_text

__all__ = ["UNIT", "install", "uninstall"]

UNIT = "rigfarm-sentry.service"
_DATA = re.compile(r'^Environment="?RIGFARM_DATA_DIR=(.*?)"?$', re.MULTILINE)


def install(
    argv: Sequence[str] | None = None,
    *,
    data_dir: Path = DATA_DIR,
    root: Path = Path("/"),
    run: Systemctl | None = None,
) -> list[str]:
    """Write the unit that runs `argv` (this very Sentry, unless told otherwise), enable and start it. Safe to repeat.

    `root` is where the machine's file system is, for an image. Raises InstallError.
    """
    do = run or _systemctl(root)
    start = list(argv or command(root))
    text = unit_text(start, data_dir)
    need_root(root)
    own = None if argv else own_program()
    done = put_command(root, start[:-2]) if argv is None else []
    need_systemd(root, f"/{COMMAND}" if argv is None else start[0])
    path = root / FOLDER / UNIT
    changed = _write(path, text)
    do(["daemon-reload"])
    do(["enable", UNIT])
    do(["restart" if changed else "start", UNIT])
    return [
        f"{'Wrote' if changed else 'Kept, as it was the same,'} {path}.",
        *done,
        *(remove_older(own) if own else []),
        f"The Sentry runs {_when(root)} at every start of this machine, with its data in {data_dir}.",
        f"Its log: journalctl -u {UNIT} -f",
    ]


def uninstall(
    *, root: Path = Path("/"), run: Systemctl | None = None, keep_data: bool = False, own: Path | None = None
) -> list[str]:
    """Stop the service (and so all mining), and remove the unit, what was added to it, and its data. Safe to repeat.

    `own` is the folder of a self-contained Sentry, which goes too, with its command. Raises InstallError.
    """
    do = run or _systemctl(root)
    need_root(root)
    path = root / FOLDER / UNIT
    additions = path.with_name(f"{UNIT}.d")
    data_dir = _data_dir(path)
    done = []
    if path.exists():
        need_systemd(root)
        do(["disable", "--now", UNIT])
        path.unlink()
        done.append(f"Stopped the Sentry and removed {path}.")
    if additions.is_dir():
        shutil.rmtree(additions)
        done.append(f"Removed {additions}.")
    if done:
        do(["daemon-reload"])
    if not keep_data:
        done += _remove_data(root, data_dir)
    done += remove_command(root)
    if own is not None:
        done += remove_program(own)
    return done or ["There is nothing to remove."]


def _systemctl(root: Path) -> Systemctl:
    return systemctl if root == Path("/") else offline(root)


def _when(root: Path) -> str:
    return "now and" if root == Path("/") else "from then on"


def _remove_data(root: Path, data_dir: Path) -> list[str]:
    """Our own folder. One that the operator chose may hold more than ours: it is named, not emptied."""
    folder = root / data_dir.relative_to("/")
    if not folder.exists():
        return []
    if data_dir != DATA_DIR:
        return [f"Left {data_dir}, which you chose yourself: remove it by hand. It holds the rig's token."]
    shutil.rmtree(folder)
    return [f"Removed {data_dir} with the rig's token, its logs and mining software."]


def _data_dir(unit: Path) -> Path:
    try:
        match = _DATA.search(unit.read_text())
    except FileNotFoundError:
        match = None
    if match is None:
        return DATA_DIR
    plain = match[1].replace("%%", "%").replace("$$", "$").replace('\\"', '"').replace("\\\\", "\\")
    return Path(plain) if plain.startswith("/") else DATA_DIR


def _write(path: Path, text: str) -> bool:
    """Whether it differs from what was there."""
    if path.is_file() and path.read_text() == text:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.new")
        draft.write_text(text)
        draft.chmod(0o644)
        draft.replace(path)
    except OSError as error:
        raise InstallError(f"{path} cannot be written ({error.strerror}).") from None
    return True
