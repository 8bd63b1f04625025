"""Sentries as files that this Commander hands to new rigs: which there are, their hashes, the line that installs.

bundles = Bundles(folder); await bundles.look()
line = install_line(bundles.offered, address, token)    # "" when there is none
"""

from rigfarm.commander.bundle.model import Bundle
from rigfarm.commander.bundle.serving import bundle_routes
from rigfarm.commander.bundle.store import SHIPPED, Bundles
from rigfarm.commander.bundle.view import install_line
from rigfarm.commander.noun import Noun
from rigfarm.commander.supervised import Work

__all__ = ["SHIPPED", "Bundle", "Bundles", "install_line", "noun"]

FILES_S = 120.0
"""A round reads whole files to hash them."""


def noun(bundles: Bundles) -> Noun:
    """Its door."""
    return Noun(routes=bundle_routes, work=[Work("Sentry downloads", bundles.run, FILES_S)])
