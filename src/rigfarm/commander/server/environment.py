"""Secrets of the environment, once they are read: taken out of what this process shows of itself and hands on."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

__all__ = ["forget_variables"]


def forget_variables(names: Iterable[str]) -> None:
    """Remove variables, and overwrite their values where the system shows them (`/proc/PID/environ`, Linux)."""
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    for name in names:
        value = os.environ.get(name)
        if value is None:
            continue
        address = libc.getenv(name.encode())
        if address:
            ctypes.memset(address, ord("x"), len(os.fsencode(value)))
        del os.environ[name]
