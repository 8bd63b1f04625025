"""The playbooks this rig was told to run, on its own disk: it mines on without its Commander, and after a restart.

Private to the Sentry's user: they contain wallets and pool passwords.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from rigfarm.common.whole_file import write_private
from rigfarm.wire.playbooks import AssignedPlaybook

__all__ = ["Assigned", "AssignedFile"]

_log = structlog.get_logger(__name__)


class Assigned(Struct, frozen=True):
    """`removing` is set before a removal begins, so that one that was interrupted is completed, not undone."""

    revision: int = 0
    playbooks: list[AssignedPlaybook] = []
    removing: bool = False
    owner: str = ""
    """Of the token under which they were told (`news.owner_of`)."""


class AssignedFile:
    """One file, replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Assigned:
        """What is kept; nothing where there is nothing, or nothing legible: the Commander says it again."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Assigned)
        except FileNotFoundError:
            return Assigned()
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            _log.error("the playbooks on disk cannot be read; waiting for the Commander", error=str(error))
            return Assigned()

    def keep(self, assigned: Assigned) -> None:
        """Blocks; raises OSError, the old ones being kept."""
        write_private(self._path, msgspec.json.encode(assigned))

    def forget(self) -> None:
        """As if there had never been any."""
        self._path.unlink(missing_ok=True)
