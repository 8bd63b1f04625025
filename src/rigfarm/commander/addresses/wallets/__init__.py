"""What a coin's wallets look like. It only ever warns, for a pool may take account names instead."""

from rigfarm.commander.addresses.wallets.coins import wallet_warning

__all__ = ["wallet_warning"]
