"""Where the Sentry's Unix socket is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["SOCKET", "socket_path"]

SOCKET = "sentry.sock"


@contextlib.contextmanager
def socket_path(folder: Path) -> Iterator[Path]:
    """A path of the socket that is never too long for the kernel (108 bytes), however deep the folder is. OSError."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{descriptor}") / SOCKET
    finally:
        os.close(descriptor)
