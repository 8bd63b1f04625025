"""The Sentry's service, its command, and a self-contained Sentry's program."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Sequence
from pathlib import Path

from rigfarm.sentry.install.program import (
    COMMAND,
    own_program,
    put_command,
    remove_command,
    remove_older,
    remove_program,
)
from rigfarm.sentry.install.unit import COMPANIONS, DATA_DIR, PROGRAMS_USER_NAME, USER, Grants, companions, unit_text
from rigfarm.sentry.processes.access import GRAPHICS_GROUPS
from rigfarm.sentry.processes.process import shim_command
from rigfarm.sentry.processes.services import PROGRAMS_USER
from rigfarm.sentry.processes.shim import remove_homes
from rigfarm.service import (
    InstallError,
    Service,
    Systemctl,
    command,
    homes,
    inside,
    make_user,
    need_root,
    need_systemd,
    systemctl_of,
)

__all__ = ["RUN", "UNIT", "install", "texts", "uninstall"]

UNIT = "rigfarm-sentry.service"
RUN = ("sentry", "run")
_SERVICE = Service(
    UNIT,
    "the Sentry",
    DATA_DIR,
    "the rig's token, its logs and mining software",
    COMPANIONS,
    ("var/lib/rigfarm-programs*",),
)


def texts(start: Sequence[str], data_dir: Path, grants: Grants, root: Path = Path("/")) -> dict[str, str]:
    """Of all units by their names, the Sentry's own first. Raises InstallError."""
    python, *arguments, shim, descriptor = shim_command(0)
    supervisor = [inside(root, python), *arguments, inside(root, shim), descriptor]
    return {UNIT: unit_text(start, data_dir, grants), **companions(supervisor, data_dir, grants)}


def install(
    argv: Sequence[str] | None = None,
    *,
    data_dir: Path = DATA_DIR,
    root: Path = Path("/"),
    run: Systemctl | None = None,
    user: Callable[..., None] = make_user,
    by_root: bool = True,
) -> list[str]:
    """Make the users, write the units that run `argv` (this very Sentry, unless told otherwise), enable and start it.
    Safe to repeat.

    `root` is where the machine's file system is, for an image. `by_root`: an administrator asks for what sentry.toml
    allows; else it grants nothing new, unless root has written it. Raises InstallError.
    """
    start = list(argv or command(*RUN, root=root))
    if argv is None and root == Path("/") and homes(start[0]):
        raise InstallError(
            f"{start[0]}, or its Python, is in a home folder, which the user {USER} cannot open. Install the Sentry "
            "with the line that the Commander shows, or Rigfarm in /opt/rigfarm with the system's Python."
        )
    need_root(root)
    grants = Grants.wanted(data_dir, root, by_root=by_root)
    units = texts(start, data_dir, grants, root)
    own = None if argv else own_program()
    done = put_command(root, start[: -len(RUN)]) if argv is None else []
    need_systemd(root, f"/{COMMAND} sentry run" if argv is None else " ".join(start))
    done += _make_users(root, user)
    do = run or systemctl_of(root)
    if root == Path("/"):
        _give(data_dir, do)
    wrote = _SERVICE.put(units.pop(UNIT), root, do, units)
    return [
        wrote,
        *done,
        *(remove_older(own) if own else []),
        *(f"As {data_dir}/sentry.toml says, the Commander may {words}." for words in grants.words()),
        f"The Sentry runs {'now and' if root == Path('/') else 'from then on'} at every start of this machine, as the "
        f"user {USER}, with its data in {data_dir}.",
        f"Its log: journalctl -u {UNIT} -f",
    ]


def _make_users(root: Path, user: Callable[..., None]) -> list[str]:
    """The Sentry's, and that of mining programs, which may use graphics cards."""
    try:
        user(USER, "Rigfarm Sentry", root)
        user(PROGRAMS_USER, PROGRAMS_USER_NAME, root, GRAPHICS_GROUPS)
    except InstallError as error:
        if root == Path("/"):
            raise
        return [f"{error} ({PROGRAMS_USER}, too, in the groups {' and '.join(GRAPHICS_GROUPS)})."]
    return []


def _give(folder: Path, do: Systemctl) -> None:
    """The data folder, with all that a Sentry of root's left in there, is given to the Sentry's user."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        numbers = pwd.getpwnam(USER).pw_uid, pwd.getpwnam(PROGRAMS_USER).pw_gid
        if closed := [one for one in folder.parents if not one.stat().st_mode & 0o001]:
            raise InstallError(f"The user {USER} cannot reach {folder}: chmod o+x {closed[-1]}")
        if folder.stat().st_uid == numbers[0]:
            return
        if _SERVICE.path(Path("/")).exists():
            do(["stop", UNIT])
        remove_homes(["*"], f"{folder}/playbooks/work")  # programs have their files elsewhere now
        for _, folders, files, at in os.fwalk(folder):
            for name in (*folders, *files):
                os.chown(name, *numbers, dir_fd=at, follow_symlinks=False)
        os.chown(folder, *numbers)
    except (OSError, KeyError) as error:
        raise InstallError(f"{folder} cannot be given to the user {USER}: {error}") from None


def uninstall(
    *, root: Path = Path("/"), run: Systemctl | None = None, keep_data: bool = False, own: Path | None = None
) -> list[str]:
    """Stop the service (and so all mining), and remove the unit, what was added to it, and its data. Safe to repeat.

    `own` is the folder of a self-contained Sentry, which goes too, with its command. Raises InstallError.
    """
    need_root(root)
    done = _SERVICE.remove(root, run or systemctl_of(root), keep_data=keep_data)
    done += remove_command(root)
    if own is not None:
        done += remove_program(own)
    return done or ["There is nothing to remove."]
