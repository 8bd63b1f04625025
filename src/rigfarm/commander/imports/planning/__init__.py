"""From what files contain to what accepting them would do."""

from rigfarm.commander.imports.planning.plan import Farm, plan_of

__all__ = ["Farm", "plan_of"]
