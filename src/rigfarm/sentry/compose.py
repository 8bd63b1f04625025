"""What a Sentry on a real machine is made of. The one place that knows every part."""

from __future__ import annotations

from rigfarm.sentry.parts import Part
from rigfarm.sentry.settings import Settings, SettingsError

__all__ = ["parts_of"]


def parts_of(settings: Settings) -> list[Part]:
    """This machine; and the ASICs of its LAN, where it was told to read them or has ever read some."""
    from rigfarm.sentry.this_machine import ThisMachine

    parts: list[Part] = [ThisMachine(settings)]
    if settings.asics or (settings.data_dir / "asics.sqlite").exists():
        parts.append(_asics(settings))
    return parts


def _asics(settings: Settings) -> Part:
    # Imported only here: a rig that reads no ASICs installs and loads nothing for them.
    try:
        from rigfarm.sentry.asic import AsicPart, AsicService
    except ImportError as error:
        raise SettingsError(
            f"Reading ASICs needs more than this installation has ({error.name}): pip install 'rigfarm[asic]'."
        ) from None
    return AsicPart(AsicService(settings.data_dir))
