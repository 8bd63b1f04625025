"""The Sentry as a systemd service: written, enabled, and taken away again without a trace.

for line in install(): print(line)        # raises InstallError, worded for the operator
print(unit_text(command()))               # what would be written
for line in uninstall(): print(line)
"""

from rigfarm.sentry.install.command import command
from rigfarm.sentry.install.errors import InstallError
from rigfarm.sentry.install.program import own_program
from rigfarm.sentry.install.service import UNIT, install, uninstall
from rigfarm.sentry.install.systemd import need_root
from rigfarm.sentry.install.unit import DATA_DIR, unit_text

__all__ = [
    "DATA_DIR",
    "UNIT",
    "InstallError",
    "command",
    "install",
    "need_root",
    "own_program",
    "uninstall",
    "unit_text",
]
