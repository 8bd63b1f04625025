"""What goes into a unit file: words that stay words, a program that systemd can run, a folder that can be written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rigfarm.service.errors import InstallError

__all__ = ["check_program", "words", "writable"]


def check_program(program: str) -> None:
    """Raises InstallError for what systemd could not run."""
    if not program.startswith("/") or "$" in program:
        raise InstallError(f"systemd cannot run {program!r}: give the full path of the rigfarm program.")
    if any(Path(program).is_relative_to(folder) for folder in ("/tmp", "/var/tmp")):  # noqa: S108 - refused, not used
        raise InstallError(
            f"{program} lies in a temporary folder: install Rigfarm elsewhere first, such as /opt/rigfarm."
        )


def writable(data_dir: Path) -> str:
    """systemd makes what lies below /var/lib itself; another folder has to be there."""
    state = Path("/var/lib")
    if not data_dir.is_relative_to(state) or data_dir == state:
        return f"ReadWritePaths={words([str(data_dir)])}"
    return f"StateDirectory={words([str(data_dir.relative_to(state))])}\nStateDirectoryMode=0700"


def words(texts: Iterable[str]) -> str:
    """Words of a unit file: nothing in them is a separator, a specifier or a variable. Raises InstallError."""
    return " ".join(_word(text) for text in texts)


def _word(text: str) -> str:
    if not text.isprintable():
        raise InstallError(f"systemd cannot take {text!r}: it holds control characters.")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    plain = all(character.isalnum() or character in "/._-=:" for character in text)
    return text if plain else f'"{escaped}"'
