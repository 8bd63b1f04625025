"""The Sentry that runs on this machine, if one does: which of its parts fail, whether its Commander hears it, and how
its playbooks do."""

from __future__ import annotations

from pathlib import Path

from rigfarm.sentry.doctor.finding import Finding
from rigfarm.sentry.ui.answer import StatusAnswer
from rigfarm.wire.playbooks import PlaybookState, PlaybookStatus

__all__ = ["check_running"]

_IN_TROUBLE: tuple[PlaybookState, ...] = ("backing-off", "failed")


async def check_running(folder: Path) -> list[Finding]:
    """Ask it over its Unix socket."""
    # Imported here: the doctor without a folder needs nothing of the page.
    from rigfarm.sentry.ui.ask import NotRunningError, answer_of

    try:
        answer = await answer_of(folder)
    except NotRunningError as error:
        return [Finding("absent", "Sentry", str(error))]
    fix = "It retries automatically. If this persists, restart the Sentry, and report it with the Sentry's log."
    found = [Finding("problem", "Sentry", problem, fix) for problem in answer.problems]
    if answer.spool_problem:
        fix = "Until this is fixed, the newest logs are kept in memory, and are lost when the Sentry ends."
        found.append(Finding("problem", "Spool", answer.spool_problem, fix))
    if not found:
        found.append(Finding("ok", "Sentry", f"version {answer.version} runs, and so do all of its parts"))
    return [*found, _link(answer), *(_playbook(status) for status in answer.playbooks)]


def _link(answer: StatusAnswer) -> Finding:
    join = "On the Commander, New rig shows the line that makes this machine a rig: run it here."
    if answer.commander is None or (not answer.tokens and not answer.facts):
        return Finding("problem", "Commander", "this machine belongs to no Commander yet", join)
    if answer.verdict == "unknown":
        fix = "Give the rig a new token on its page in the Commander, then run the line shown there. Mining continues."
        return Finding("problem", "Commander", f"{answer.commander} does not know this machine's token", fix)
    if answer.linked:
        return Finding("ok", "Commander", f"linked to {answer.commander}" + (f" as {answer.rig}" if answer.rig else ""))
    why = answer.link_error or answer.link
    fix = f"It retries automatically; {answer.logs_waiting} logs wait here meanwhile, and mining continues."
    return Finding("problem" if answer.link_error else "absent", "Commander", f"{answer.commander}: {why}", fix)


def _playbook(status: PlaybookStatus) -> Finding:
    what = status.title
    words = f"{status.state}{f': {status.detail}' if status.detail else ''}"
    if status.state not in _IN_TROUBLE:
        return Finding("ok", what, words)
    return Finding(
        "problem", what, words, "Its console, on the rig's page of the Commander, shows what the program said."
    )
