"""Acting as another user for a moment: so a Sentry that is root gives programs their folders, removes them, and finds
and ends their processes with no more rights than theirs, and no other privilege than that of changing its user.

The kernel keeps user and groups per thread; it is the C library that gives all threads the same. So this asks the
kernel.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

__all__ = ["acting_as", "as_owner_of"]

T = TypeVar("T")

_X86_64 = (116, 119, 117)
_OTHERS_OF_64_BITS = (159, 149, 147)
_OF_32_BITS = (206, 210, 208)
_NUMBERS = {
    True: {"x86_64": _X86_64} | dict.fromkeys(("aarch64", "riscv64", "loongarch64"), _OTHERS_OF_64_BITS),
    False: dict.fromkeys(("x86_64", "i686", "i586", "i386", "aarch64", "armv8l", "armv7l", "armv6l"), _OF_32_BITS),
}
"""For programs of 64 bits or not: a machine's numbers of setgroups, setresgid and setresuid in the kernel. The same
numbers are other calls on other machines."""


@contextlib.contextmanager
def acting_as(uid: int, gid: int, groups: Sequence[int] = ()) -> Iterator[None]:
    """This thread, and no other, has the rights of that user and these groups until the block ends. OSError.

    For the kernel's checks of files and signals only: it stays a thread of ours, which that user can neither trace nor
    end. No other thread may be started in the block.
    """
    before = (os.geteuid(), os.getegid(), os.getgroups())
    set_groups, set_gid, set_uid = _numbers()
    try:
        _set_groups(set_groups, groups)
        _ask(set_gid, -1, gid, -1)
        _ask(set_uid, -1, uid, -1)
        yield
    finally:
        _ask(set_uid, -1, before[0], -1)
        _ask(set_gid, -1, before[1], -1)
        _set_groups(set_groups, before[2])


def as_owner_of(pid: int, do: Callable[[], T]) -> T:
    """What `do` returns: where this user may not do it to the process, and is root, as the process's user. OSError."""
    try:
        return do()
    except PermissionError:
        if os.geteuid() != 0:
            raise
    status = Path(f"/proc/{pid}/status").read_text(errors="replace")
    ids = {name: int(rest.split()[0]) for name, _, rest in _fields(status) if name in ("Uid", "Gid")}
    with acting_as(ids["Uid"], ids["Gid"]):
        return do()


def _fields(status: str) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in status.splitlines()]


def _numbers() -> tuple[int, int, int]:
    machine = platform.machine()
    try:
        return _NUMBERS[sys.maxsize > 1 << 32][machine]
    except KeyError:
        raise OSError(errno.ENOSYS, f"no way is known to act as another user on {machine}") from None


def _set_groups(number: int, groups: Sequence[int]) -> None:
    _ask(number, len(groups), (ctypes.c_uint32 * len(groups))(*groups))


def _ask(number: int, *arguments: int | ctypes.Array[ctypes.c_uint32]) -> None:
    passed = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    if ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *passed) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
