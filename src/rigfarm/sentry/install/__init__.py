"""The Sentry as a systemd service: written, enabled, and taken away again without a trace.

for line in install(): print(line)        # raises InstallError, worded for the operator
print(unit_text(command(*RUN)))           # what would be written
for line in uninstall(): print(line)
"""

from rigfarm.sentry.install.program import own_program
from rigfarm.sentry.install.service import RUN, UNIT, install, uninstall
from rigfarm.sentry.install.unit import DATA_DIR, unit_text

__all__ = ["DATA_DIR", "RUN", "UNIT", "install", "own_program", "uninstall", "unit_text"]
