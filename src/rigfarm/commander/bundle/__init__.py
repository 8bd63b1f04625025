"""Sentries as files that this Commander hands to new rigs: which there are, their hashes, the line that installs.

bundles = Bundles(folder); await bundles.look()
line = install_line(bundles.offered, address, token)    # "" when there is none
"""

from rigfarm.commander.bundle.bundles import SHIPPED, Bundles
from rigfarm.commander.bundle.line import install_line
from rigfarm.commander.bundle.model import Bundle

__all__ = ["SHIPPED", "Bundle", "Bundles", "install_line"]
