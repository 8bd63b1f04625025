"""A farm of fake ASICs on loopback: recorded answers over the real protocols, obeying and failing on request."""

from rigfarm.simulate.asic.farm import FakeAsicFarm, can_bind_low_ports, mixed
from rigfarm.simulate.asic.makes import makes
from rigfarm.simulate.asic.state import FakeAsic, FakePool, Fault, Traffic

__all__ = ["FakeAsic", "FakeAsicFarm", "FakePool", "Fault", "Traffic", "can_bind_low_ports", "makes", "mixed"]
