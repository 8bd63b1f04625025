"""Put a unit in place, and take it away. Every step that was done is a sentence."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rigfarm.service.errors import InstallError
from rigfarm.service.systemd import FOLDER, Systemctl, need_systemd

__all__ = ["Service"]

_DATA = re.compile(r'^Environment="?RIGFARM_DATA_DIR=(.*?)"?$', re.MULTILINE)


@dataclass(frozen=True)
class Service:
    """One unit."""

    unit: str
    """Its name, `….service`."""
    what: str
    """Who it runs, in the middle of a sentence: `the Sentry`."""
    data_dir: Path
    """Where it keeps its data, unless the operator chose another folder."""
    holds: str
    """What is in there, after `with`."""
    companions: tuple[str, ...] = ()
    """Patterns of the names of other units that it needs, and that stop with it."""
    folders: tuple[str, ...] = ()
    """Patterns of further folders of its data, from the root."""

    def path(self, root: Path) -> Path:
        """Of the unit file."""
        return root / FOLDER / self.unit

    def packaged(self, root: Path) -> bool:
        """Whether the unit belongs to a package of the system."""
        return (root / "usr/lib/systemd/system" / self.unit).is_file()

    def need_unpackaged(self, root: Path) -> None:
        """Raises InstallError where the system's package manager has installed it."""
        if self.packaged(root):
            raise InstallError(
                f"A package of this system installed {self.what}: `apt remove rigfarm` removes it, `apt purge rigfarm` "
                "its data, too. Its settings are in /etc/rigfarm; changes of the unit belong in `systemctl edit "
                f"{self.unit}`."
            )

    def put(self, text: str, root: Path, do: Systemctl, companions: Mapping[str, str] | None = None) -> str:
        """Write the unit and its companions by name, enable it, start or restart what has changed; safe to repeat.
        Raises InstallError."""
        path = self.path(root)
        texts = {**(companions or {}), self.unit: text}
        stale = [old for old in self._companions(root) if old.is_file() and old.name not in texts]
        for old in stale:
            old.unlink()
        changed = any([bool(stale), *(_write(path.with_name(name), one) for name, one in texts.items())])
        do(["daemon-reload"])
        do(["enable", self.unit])
        do(["restart" if changed else "start", self.unit])
        return f"{'Wrote' if changed else 'Kept, as it was the same,'} {path}."

    def remove(self, root: Path, do: Systemctl, *, keep_data: bool) -> list[str]:
        """Stop it, and remove the unit, what was added to it, and its data; safe to repeat. Raises InstallError."""
        path = self.path(root)
        others = self._companions(root)
        additions = path.with_name(f"{self.unit}.d")
        data_dir = self.installed_data_dir(root)
        done = []
        if path.exists():
            need_systemd(root, f"systemctl stop {self.unit}")
            do(["disable", "--now", self.unit])
            path.unlink()
            done.append(f"Stopped {self.what} and removed {path}.")
        for other in [additions, *others]:
            if other.is_dir():
                shutil.rmtree(other)
            elif other.exists():
                other.unlink()
            else:
                continue
            done.append(f"Removed {other}.")
        if done:
            do(["daemon-reload"])
        return done if keep_data else [*done, *self._remove_data(root, data_dir)]

    def installed_data_dir(self, root: Path) -> Path:
        """The folder that the unit names."""
        try:
            match = _DATA.search(self.path(root).read_text())
        except FileNotFoundError:
            match = None
        if match is None:
            return self.data_dir
        plain = match[1].replace("%%", "%").replace("$$", "$").replace('\\"', '"').replace("\\\\", "\\")
        return Path(plain) if plain.startswith("/") else self.data_dir

    def _companions(self, root: Path) -> list[Path]:
        """Of those that are installed, the units and what was added to them."""
        return sorted(path for pattern in self.companions for path in (root / FOLDER).glob(pattern))

    def _remove_data(self, root: Path, data_dir: Path) -> list[str]:
        """Our own folders. One that the operator chose may hold more than ours: it is named, not emptied."""
        more = [path for pattern in self.folders for path in root.glob(pattern)]
        for path in more:  # others write in there: as deep as they like, which Python cannot follow
            subprocess.run(["rm", "-rf", "--", str(path)], check=False)
        return [*(f"Removed {path}." for path in more), *self._remove_main(root, data_dir)]

    def _remove_main(self, root: Path, data_dir: Path) -> list[str]:
        folder = root / data_dir.relative_to("/")
        if not folder.exists():
            return []
        if data_dir != self.data_dir:
            return [f"Left {data_dir}, which you chose yourself: remove it by hand. It holds {self.holds}."]
        shutil.rmtree(folder)
        return [f"Removed {data_dir} with {self.holds}."]


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
