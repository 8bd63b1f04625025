"""The Sentry as a systemd service: written, enabled, and taken away again without a trace.

for line in install(): print(line)        # raises InstallError, worded for the operator
print(texts(command(*RUN), DATA_DIR, Grants()))  # what would be written
for line in uninstall(): print(line)
"""

from rigfarm.sentry.install.program import own_program
from rigfarm.sentry.install.service import RUN, UNIT, install, texts, uninstall
from rigfarm.sentry.install.unit import DATA_DIR, USER, Grants, companions, unit_text

__all__ = [
    "DATA_DIR",
    "RUN",
    "UNIT",
    "USER",
    "Grants",
    "companions",
    "install",
    "own_program",
    "texts",
    "uninstall",
    "unit_text",
]
