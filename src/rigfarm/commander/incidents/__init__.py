"""Limits reached: who, what was done about it, how often."""

from rigfarm.commander.incidents.register import MAX_INCIDENTS, Incident, Incidents

__all__ = ["MAX_INCIDENTS", "Incident", "Incidents"]
