"""Put the unit in place, and take it away. Every step that was done is a sentence."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from rigfarm.sentry.install.command import command
from rigfarm.sentry.install.errors import InstallError
from rigfarm.sentry.install.unit import DATA_DIR, unit_text

__all__ = ["UNIT", "Systemctl", "install", "systemctl", "uninstall"]

UNIT = "rigfarm-sentry.service"
_FOLDER = Path("etc/systemd/system")
_DATA = re.compile(r'^Environment="?RIGFARM_DATA_DIR=(.*?)"?$', re.MULTILINE)
_TIMEOUT_S = 90.0

Systemctl = Callable[[Sequence[str]], None]
"""Runs systemctl with these arguments. Raises InstallError."""


def systemctl(arguments: Sequence[str]) -> None:
    """The real one."""
    try:
        done = subprocess.run(
            ["systemctl", *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"systemctl cannot be run: {error}.") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
        raise InstallError(f"`systemctl {' '.join(arguments)}` failed: {said}")


def install(
    argv: Sequence[str] | None = None,
    *,
    data_dir: Path = DATA_DIR,
    root: Path = Path("/"),
    run: Systemctl = systemctl,
) -> list[str]:
    """Write the unit that runs `argv` (this very Sentry, unless told otherwise), enable and start it. Safe to repeat.

    `root` is where the machine's file system is, for an image. Raises InstallError.
    """
    text = unit_text(argv or command(), data_dir)
    _need_systemd(root)
    path = root / _FOLDER / UNIT
    changed = _write(path, text)
    run(["daemon-reload"])
    run(["enable", UNIT])
    run(["restart" if changed else "start", UNIT])
    return [
        f"{'Wrote' if changed else 'Kept, as it was the same,'} {path}.",
        f"The Sentry runs now and at every start of this machine, with its data in {data_dir}.",
        f"Its log: journalctl -u {UNIT} -f",
    ]


def uninstall(*, root: Path = Path("/"), run: Systemctl = systemctl, keep_data: bool = False) -> list[str]:
    """Stop the service (and so all mining), and remove the unit, what was added to it, and its data. Safe to repeat.

    Raises InstallError.
    """
    _need_systemd(root)
    path = root / _FOLDER / UNIT
    additions = path.with_name(f"{UNIT}.d")
    data_dir = _data_dir(path)
    done = []
    if path.exists():
        run(["disable", "--now", UNIT])
        path.unlink()
        done.append(f"Stopped the Sentry and removed {path}.")
    if additions.is_dir():
        shutil.rmtree(additions)
        done.append(f"Removed {additions}.")
    if done:
        run(["daemon-reload"])
    if not keep_data:
        done += _remove_data(root, data_dir)
    return done or ["There is nothing to remove."]


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


def _need_systemd(root: Path) -> None:
    if root != Path("/"):
        return
    if os.geteuid() != 0:
        raise InstallError("Only root can do this: run the same command with sudo.")
    if not Path("/run/systemd/system").is_dir():
        raise InstallError(
            "This machine was not started by systemd. Have its own init system run `rigfarm sentry run`; "
            "`rigfarm sentry install --print` shows what the service would be."
        )
