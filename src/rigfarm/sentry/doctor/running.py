"""The Sentry that runs on this machine, if one does: which of its parts fail, and why."""

from __future__ import annotations

from pathlib import Path

from rigfarm.sentry.doctor.finding import Finding

__all__ = ["check_running"]


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
        fix = "Until this is mended, the newest logs are kept in memory, and are lost when the Sentry ends."
        found.append(Finding("problem", "Spool", answer.spool_problem, fix))
    return found or [Finding("ok", "Sentry", f"version {answer.version} runs, and so do all of its parts")]
