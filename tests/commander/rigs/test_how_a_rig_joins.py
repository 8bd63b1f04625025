"""The commands that a new rig's dialog shows: exact, quoted, and with the token only while it is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigfarm.commander.bundle import Bundle
from rigfarm.commander.rigs import view
from rigfarm.commander.rigs.model import Rig

BUNDLE = Bundle("x86_64", "1.0", "ab" * 32, 1, Path("rigfarm-sentry-x86_64"), (0, 0, 0, 0))


@pytest.mark.parametrize("bundles", [(), (BUNDLE,)])
def test_the_commands_are_exact_and_quoted(bundles: tuple[Bundle, ...]) -> None:
    rig = Rig(1, "rig; rm -rf /", "cpu-gpu", created_at=0)
    join = view.join_view(rig, "http://10.0.0.5:7070", "rf_secret", bundles)
    last = join.steps[-1].command
    assert last.startswith("echo rf_secret | ")
    assert "join http://10.0.0.5:7070 --install" in last
    assert all("rm -rf /" not in step.command for step in join.steps)
    assert join.again.command == "echo rf_secret | sudo rigfarm sentry join http://10.0.0.5:7070"
    assert "'http://a b'" in view.join_view(rig, "http://a b").steps[-1].command


@pytest.mark.parametrize("bundles", [(), (BUNDLE,)])
def test_a_token_that_was_shown_is_not_known_any_more(bundles: tuple[Bundle, ...]) -> None:
    join = view.join_view(Rig(1, "a", "cpu-gpu", created_at=0), "http://c", bundles=bundles)
    assert join.steps[-1].command.startswith("echo rf_… | ")


def test_with_a_self_contained_sentry_it_is_one_line_with_its_hash() -> None:
    [step] = view.join_view(Rig(1, "a", "cpu-gpu", created_at=0), "http://c", "rf_secret", (BUNDLE,)).steps
    assert "\n" not in step.command
    assert f"x86_64) s={BUNDLE.sha256};;" in step.command
    assert step.command.index("sha256sum -c") < step.command.index('sh "$f" join')
