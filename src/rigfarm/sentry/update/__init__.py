"""A Sentry that its Commander updates: fetched, checked, tried, put in place, and rolled back if it does not work.

    updates/state.json      what shall run, what ran before, and how often the new one was tried
    updates/opt/rigfarm/    programs that were fetched; the installed one stays where it is
    updates/failed          why a new Sentry was ended by `guard`

The installed program (in /opt/rigfarm, root's) is what systemd starts. It decides which program runs (`launch`), so
that one that does not start is never the one that decides. The Sentry that is updated becomes the new one (execve): its
mining programs keep their supervisor, and go on.
"""

from rigfarm.sentry.update.launch import launch, succeed
from rigfarm.sentry.update.trial import self_check
from rigfarm.sentry.update.updates import Updates

__all__ = ["Updates", "launch", "self_check", "succeed"]
