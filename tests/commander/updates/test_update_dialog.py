"""Update Sentry has a dialog of its own, in which a selection's commands are chosen."""

from __future__ import annotations

import pytest

from rigfarm.commander.frame import page_templates
from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.rigs.view import ACTIONS


@pytest.mark.parametrize("kind", KINDS)
def test_it_opens_from_a_selection_in_the_dialog(kind: KindName) -> None:
    choices = [(action, 1, True) for action in ACTIONS[kind]]
    template = page_templates().get_template("command_choose.html")
    html = template.render(hx=True, csrf="", target="2 rigs", rigs="1,2", count=2, choices=choices, back="/rigs")
    [button] = [part for part in html.split("<button")[1:] if 'value="update-sentry"' in part]
    for said in ('formaction="/sentry-updates/new"', 'hx-post="/sentry-updates/new"', 'hx-target="#dialog"'):
        assert said in button, "what the form around it says does not hold for it"
    assert html.count("/sentry-updates/new") == 2
