"""What a Sentry on a real machine is made of. The one place that knows every part."""

from __future__ import annotations

from collections.abc import Sequence

from rigfarm.sentry.agent.parts import Part
from rigfarm.sentry.asic.lan import LIST_FILE, LanAsics
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.playbooks.held import Held

__all__ = ["parts_of", "reads_asics"]


def reads_asics(settings: Settings) -> bool:
    """Whether it was told to read the ASICs of its LAN, or has ever read some."""
    return settings.asics or (settings.data_dir / LIST_FILE).exists()


def parts_of(settings: Settings, held: Sequence[Held] = ()) -> list[Part]:
    """This machine, where `held` runs already; and the ASICs of its LAN."""
    from rigfarm.sentry.rig.this_machine import ThisMachine

    return [ThisMachine(settings, held), LanAsics(settings.data_dir, wanted=reads_asics(settings))]
