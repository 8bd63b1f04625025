"""Whom a program runs as, and its way to its files through folders that are closed to everybody else.

A Sentry that is root runs programs as a user of their own, unless this machine's sentry.toml says otherwise. What the
Commander asks for decides nothing here.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from msgspec import Struct

from rigfarm.sentry.processes.acting import acting_as
from rigfarm.sentry.processes.disk import make_folder, remove_tree
from rigfarm.sentry.processes.services import PROGRAMS_USER, Services
from rigfarm.sentry.processes.shim import let_in

__all__ = [
    "GRAPHICS_GROUPS",
    "PROGRAMS_USER",
    "AccessError",
    "Account",
    "Policy",
    "account_for",
    "open_way",
    "own_home",
    "remove_home",
]

FREE_NUMBERS = range(60_777, 60_877)
"""Of users and groups: above those that systems give out, below systemd's own."""
GRAPHICS_GROUPS = ("video", "render")


class AccessError(Exception):
    """The program cannot be run so; the text says what to do."""


class Policy(Struct, frozen=True):
    """What this machine's sentry.toml lets programs do."""

    user: str = PROGRAMS_USER
    """Whom they run as when the Sentry is root."""
    also: list[str] = []
    """Other users that a playbook may ask for."""
    tuning: bool = False
    """Whether a playbook may raise its program's priority above that of the system."""


class Account(Struct, frozen=True):
    """A user by numbers: name services are not asked again between a check and a start."""

    name: str
    uid: int
    gid: int
    groups: list[int]
    """Besides `gid`: those that open the graphics devices, and no others that the user may be in."""


def account_for(wanted: str | None, policy: Policy, services: Services | None = None) -> Account | None:
    """The account for a playbook that asks for this user; None: the Sentry's own user. With `services` it is systemd
    that starts programs, as that user. AccessError."""
    if services is not None:
        name = _allowed(wanted, policy)
        entry = _entry(name)
        if not services.programs(name).exists():
            raise AccessError(f"systemd does not start programs as {name!r} yet: run sudo rigfarm sentry install")
        return Account(name, entry.pw_uid, entry.pw_gid, [])
    if os.geteuid() != 0:
        if wanted is not None and _entry(wanted).pw_uid != os.geteuid():
            raise AccessError(f"only a Sentry that runs as root can start programs as {wanted!r}")
        return None
    name = _allowed(wanted, policy)
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        if name != PROGRAMS_USER:
            raise AccessError(f"this rig has no user {name!r}: create it, or change the playbook's user") from None
        number = _free_number()
        return Account(name, number, number, _graphics_groups())
    return None if entry.pw_uid == 0 else Account(name, entry.pw_uid, entry.pw_gid, _graphics_groups())


def _allowed(wanted: str | None, policy: Policy) -> str:
    name = wanted or policy.user
    if name not in (policy.user, *policy.also):
        raise AccessError(
            f"this rig's sentry.toml does not allow programs to run as {name!r}: add it to allow_users there and "
            "restart the Sentry (a service: sudo rigfarm sentry install), or clear the playbook's user"
        )
    return name


def _entry(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(user)
    except KeyError:
        raise AccessError(f"this rig has no user {user!r}: create it, or change the playbook's user") from None


def _free_number() -> int:
    taken = {entry.pw_uid for entry in pwd.getpwall()} | {entry.gr_gid for entry in grp.getgrall()}
    number = next((number for number in FREE_NUMBERS if number not in taken), None)
    if number is None:
        raise AccessError(f"this rig has no user {PROGRAMS_USER!r}: create it, for example by rigfarm sentry install")
    return number


def _graphics_groups() -> list[int]:
    found = []
    for name in GRAPHICS_GROUPS:
        try:
            found.append(grp.getgrnam(name).gr_gid)
        except KeyError:
            continue
    return found


def open_way(account: Account, program: Path, ours: Path) -> None:
    """Let the account reach `program`: the folders from `ours` (the Sentry's own) on are opened to its group for
    passing through, not for looking. AccessError, OSError."""
    groups = {account.gid, *account.groups}
    for folder in reversed(program.parents):
        if not _passable(folder, account.uid, groups):
            if folder != ours and ours not in folder.parents:
                raise AccessError(f"{account.name!r} cannot reach the program: chmod o+x {folder}")
            _open(folder, account.gid)


def own_home(account: Account | None, home: Path) -> None:
    """Make `home`, empty if it was another user's before, for the account (None: ourselves) alone. OSError."""
    uid = os.geteuid() if account is None else account.uid
    if home.exists():
        if home.lstat().st_uid == uid:
            return
        remove_home(home)
    make_folder(home.parent)
    if account is None:
        home.mkdir(mode=0o700)
        return
    ours = os.getegid()
    os.chown(home.parent, -1, ours)
    home.parent.chmod(0o731)  # for everybody to pass through; to make folders in, for who has our group for a moment
    with _held(home.parent) as parent, acting_as(account.uid, account.gid, [ours]):
        os.mkdir(home.name, mode=0o700, dir_fd=parent)


def remove_home(home: Path) -> None:
    """With all that its user, who need not be ours, has closed to others in there. OSError."""
    if not home.exists() or home.is_symlink():
        remove_tree(home)
        return
    status = home.stat()
    others = status.st_uid != os.geteuid()
    ours = os.getegid()
    with _held(home) as folder, acting_as(status.st_uid, status.st_gid, [ours]) if others else nullcontext():
        let_in(f"/proc/self/fd/{folder}", ours)
    remove_tree(home)


@contextmanager
def _held(folder: Path) -> Iterator[int]:
    """A descriptor of the folder, by which a user gets there who may not pass the folders above it."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _passable(folder: Path, uid: int, groups: set[int]) -> bool:
    status = folder.stat()
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid in groups:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _open(folder: Path, group: int) -> None:
    """For passing through: to this group, or, where another group has been let in already, to everybody. As a service
    the group of our folders is that of the programs' user, and it stays so."""
    status = folder.stat()
    root = os.geteuid() == 0
    taken = status.st_gid != group and (not root or (status.st_mode & stat.S_IXGRP and status.st_gid != 0))
    if root and not taken:
        with acting_as(os.geteuid(), os.getegid(), [group]):  # one's own folder can be given to one's own groups
            os.chown(folder, -1, group)
    os.chmod(folder, stat.S_IMODE(status.st_mode) | (stat.S_IXOTH if taken else stat.S_IXGRP))
