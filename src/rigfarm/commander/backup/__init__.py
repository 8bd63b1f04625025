"""A whole farm in one file: made while the Commander runs, checked before anything is restored from it."""

from rigfarm.commander.backup.contents import BackupError
from rigfarm.commander.backup.folder import farm_database, note_database, refuse_half_restored, refuse_other_database
from rigfarm.commander.backup.make import make_backup
from rigfarm.commander.backup.restore import restore_backup

__all__ = [
    "BackupError",
    "farm_database",
    "make_backup",
    "note_database",
    "refuse_half_restored",
    "refuse_other_database",
    "restore_backup",
]
