"""Row 29, the web's side: no number in an address, however large or odd, is a mistake of ours (a 5xx), by any route.

The control is a database's complaint that nobody turns into an answer.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from promise import record
from whole import Whole, whole

from rigfarm.commander.web import problems

VALUES = ("9" * 26, "-1")
QUERIES = ("", "?rig={0}&revision={0}&before={0}&playbook={0}&page={0}&q=%00&sort=%ff&state=%0a&rigs={0},{0}")
ENDS_THE_SESSION = ("/logout", "/settings/sessions/end-all")


def unanswered(request: Any, error: Exception) -> Any:
    return problems.problem_response(request, 500, str(error))


async def mistakes(farm: Whole, only: str = "") -> tuple[int, list[str]]:
    """(requests, those that were answered with a 5xx), of the routes below `only`."""
    asked, bad = 0, []
    async with farm.logged_in() as (browser, token):
        browser.headers.update({"Origin": farm.url, "X-CSRF-Token": token})
        for method, template, _ in farm.http():
            if method == "OPTIONS" or template in ENDS_THE_SESSION or not template.startswith(only):
                continue
            for value in VALUES:
                path = re.sub(r"\{[^}]*\}", value, template)
                for query in QUERIES if method == "GET" else ("",):
                    answer = await browser.request(method, path + query.format(value))
                    asked += 1
                    if answer.status_code >= 500:
                        bad.append(f"{method} {path}{query}: {answer.status_code}")
    return asked, bad


async def test_any_number_has_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with whole(tmp_path / "farm") as farm:
        n, bad = await mistakes(farm)
    monkeypatch.setattr(problems, "_too_large", unanswered)
    with whole(tmp_path / "control") as farm:
        _, control = await mistakes(farm, "/api/rollouts")
    record(
        29,
        "a number in an address is answered with a 5xx",
        n=n,
        bad=len(bad),
        unit="requests",
        control="the database's complaint is not answered",
        control_bad=f"{len(control)} were",
    )
    assert bad == []
    assert control
