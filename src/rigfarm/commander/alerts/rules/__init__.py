"""Every kind of rule there is: a module in this folder with a `RULE`; the module's name is the rule's kind."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from rigfarm.commander.alerts.engine.rule import Rule, RuleForm

__all__ = ["rules"]


@cache
def rules() -> Mapping[str, Rule[RuleForm]]:
    """By kind; those that are asked after all others come last."""
    found: dict[str, Rule[RuleForm]] = {}
    for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
        rule = vars(importlib.import_module(module.name)).get("RULE")
        if isinstance(rule, Rule):
            found[module.name.rpartition(".")[2]] = rule
    return MappingProxyType(dict(sorted(found.items(), key=lambda one: (one[1].last, one[0]))))
