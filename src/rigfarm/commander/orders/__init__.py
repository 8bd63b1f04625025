"""Orders to rigs: told once, each with its own visible result."""

from rigfarm.commander.orders.book import OrderBook
from rigfarm.commander.orders.model import RigOrder

__all__ = ["OrderBook", "RigOrder"]
