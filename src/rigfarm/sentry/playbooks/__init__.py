"""What the farm wants this rig to mine: installed, run, looked after, and ended with the Sentry at the latest."""

from __future__ import annotations

from rigfarm.sentry.playbooks.runner import PlaybookRunner, RunnerError
from rigfarm.sentry.playbooks.settings import Settings
from rigfarm.sentry.playbooks.surroundings import Read, Reboot

__all__ = ["PlaybookRunner", "Read", "Reboot", "RunnerError", "Settings"]
