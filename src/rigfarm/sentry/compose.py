"""What a Sentry on a real machine is made of. The one place that knows every part."""

from __future__ import annotations

from rigfarm.sentry.lan import LIST_FILE, LanAsics
from rigfarm.sentry.parts import Part
from rigfarm.sentry.settings import Settings

__all__ = ["parts_of"]


def parts_of(settings: Settings) -> list[Part]:
    """This machine; and the ASICs of its LAN, where it was told to read them or has ever read some."""
    from rigfarm.sentry.this_machine import ThisMachine

    wanted = settings.asics or (settings.data_dir / LIST_FILE).exists()
    return [ThisMachine(settings), LanAsics(settings.data_dir, wanted=wanted)]
