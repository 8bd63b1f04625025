"""Mining software: versions of programs, each with one pinned file that rigs get from the Commander."""

from rigfarm.commander.mining_software.book import SoftwareBook
from rigfarm.commander.mining_software.model import Kept, Software, SoftwareForm

__all__ = ["Kept", "Software", "SoftwareBook", "SoftwareForm"]
