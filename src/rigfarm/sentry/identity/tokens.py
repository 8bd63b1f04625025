"""This machine's token, in `tokens.json` of the data folder. ASICs keep theirs with their own store."""

from __future__ import annotations

from pathlib import Path

import msgspec
import structlog

from rigfarm.common.whole_file import write_private
from rigfarm.wire.tokens import is_token

__all__ = ["TokenStore", "find_token"]

log = structlog.get_logger()

FILE_NAME = "tokens.json"


class _File(msgspec.Struct):
    rig: str | None = None


class TokenStore:
    """What is on disk; mode 600."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME

    def load(self) -> str | None:
        """The token; None when there is none, or the file is damaged (which is logged)."""
        try:
            token = msgspec.json.decode(self.path.read_bytes(), type=_File).rig
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            log.error("the token cannot be read: enter it again", file=str(self.path), reason=type(error).__name__)
            return None
        return token if token is not None and is_token(token) else None

    def save(self, token: str | None) -> None:
        """Keep a token, or none. OSError."""
        write_private(self.path, msgspec.json.encode(_File(token)))


def find_token(text: str) -> str | None:
    """The token in what was pasted: it alone, or a whole join command."""
    return next((word for word in text.replace("'", " ").replace('"', " ").split() if is_token(word)), None)
