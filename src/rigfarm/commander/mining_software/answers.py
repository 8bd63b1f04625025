"""What the JSON API says of mining software."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from rigfarm.commander.mining_software.book import SoftwareBook
from rigfarm.commander.mining_software.model import ArchiveFormat, Software, SoftwareForm
from rigfarm.commander.usage import Use

__all__ = ["FileAnswer", "SoftwareAnswer", "software_answer", "state_of"]


class FileAnswer(Struct, omit_defaults=True):
    """The file of a version, or how it is on its way."""

    state: str
    """none · fetching · uploading · failed · unconfirmed · pinned · lost"""
    sha256: str | UnsetType = UNSET
    size: int | UnsetType = UNSET
    """Bytes"""
    format: ArchiveFormat | UnsetType = UNSET
    received: int | UnsetType = UNSET
    total: int | UnsetType = UNSET
    error: str | UnsetType = UNSET


class SoftwareAnswer(SoftwareForm, frozen=True, kw_only=True):
    """One version of a mining program: what its form says, its file and who uses it."""

    id: int
    file: FileAnswer
    used_by: list[Use]
    revision: int
    created_at: datetime
    updated_at: datetime


def state_of(software: Software, book: SoftwareBook) -> str:
    """One word for where its file is."""
    fetch = book.fetches.get(software.id)
    if fetch is not None and fetch.running:
        return fetch.how
    if software.kept is not None:
        if not book.here(software):
            return "lost"
        return "pinned" if software.pinned else "unconfirmed"
    return "none" if fetch is None else "failed"


def software_answer(software: Software, book: SoftwareBook) -> SoftwareAnswer:
    """With its file and who uses it."""
    return SoftwareAnswer(
        **asdict(software.form),
        id=software.id,
        file=_file(software, book),
        used_by=book.used_by(software.id),
        revision=software.revision,
        created_at=datetime.fromtimestamp(software.created_at / 1000, UTC),
        updated_at=datetime.fromtimestamp(software.updated_at / 1000, UTC),
    )


def _file(software: Software, book: SoftwareBook) -> FileAnswer:
    kept, fetch = software.kept, book.fetches.get(software.id)
    return FileAnswer(
        state=state_of(software, book),
        sha256=UNSET if kept is None else kept.sha256,
        size=UNSET if kept is None else kept.size,
        format=UNSET if kept is None else kept.format,
        received=UNSET if fetch is None or not fetch.running else fetch.received,
        total=UNSET if fetch is None or fetch.total is None else fetch.total,
        error=UNSET if fetch is None or fetch.error is None else fetch.error,
    )
