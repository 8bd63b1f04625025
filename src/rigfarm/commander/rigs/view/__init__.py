"""What the pages of rigs show, ready for their templates: plain typed fields, numbers already formatted."""

from rigfarm.commander.rigs.view.coin_units import CoinUnits
from rigfarm.commander.rigs.view.row import RigRow, row

__all__ = ["CoinUnits", "RigRow", "row"]
