"""Staged roll-outs of playbooks."""

from rigfarm.commander.playbooks.rollouts.model import Rollout, RolloutForm
from rigfarm.commander.playbooks.rollouts.runner import Rollouts

__all__ = ["Rollout", "RolloutForm", "Rollouts"]
