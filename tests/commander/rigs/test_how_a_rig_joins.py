"""The commands that a new rig's dialog shows: exact, quoted, and with the token only while it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from rigfarm.commander.bundle import Bundle
from rigfarm.commander.join_address import JoinAddress
from rigfarm.commander.kinds import KindName
from rigfarm.commander.lan import host_for_others
from rigfarm.commander.rigs import view
from rigfarm.commander.rigs.model import Rig
from rigfarm.common.lan import lan_address

BUNDLE = Bundle("x86_64", "1.0", "ab" * 32, 1, Path("rigfarm-sentry-x86_64"), (0, 0, 0, 0))
ROOT = Path(__file__).parents[3]
OURS = JoinAddress("https://10.0.0.5:7070", f"SHA256:{'0f' * 32}")


@pytest.mark.parametrize("bundles", [(), (BUNDLE,)])
def test_the_commands_are_exact_and_quoted(bundles: tuple[Bundle, ...]) -> None:
    rig = Rig(1, "rig; rm -rf /", "cpu-gpu", created_at=0)
    join = view.join_view(rig, OURS, "rf_secret", bundles)
    last = join.steps[-1].command
    assert last.startswith("echo rf_secret | ")
    assert f"join https://10.0.0.5:7070 --fingerprint {OURS.fingerprint} --install" in last
    assert all("rm -rf /" not in step.command for step in join.steps)
    if not bundles:
        assert "copy it first" in join.steps[0].text, "the page is reloaded, and the token is shown once"
    assert join.again.command == f"echo rf_secret | sudo rigfarm sentry join {OURS.arguments}"
    assert "'https://a b'" in view.join_view(rig, JoinAddress("https://a b")).steps[-1].command


def test_a_commander_that_listens_on_one_address_names_that_one() -> None:
    """The line of a Commander that listens on this machine only would lead to an address where nothing answers."""
    assert host_for_others("127.0.0.1") == "127.0.0.1"
    assert host_for_others("::1") == "[::1]"
    assert host_for_others("10.0.0.5") == "10.0.0.5"
    assert host_for_others("0.0.0.0") == host_for_others("::") == lan_address()


def test_what_vouches_for_the_commander_decides_the_command() -> None:
    """No rig is asked to allow plain http where there is TLS, or to take any certificate."""
    assert OURS.arguments == f"https://10.0.0.5:7070 --fingerprint {OURS.fingerprint}"
    assert JoinAddress("https://farm.example").arguments == "https://farm.example"
    assert JoinAddress("http://127.0.0.1:7070").arguments == "http://127.0.0.1:7070 --insecure-http"
    rig = Rig(1, "a", "cpu-gpu", created_at=0)
    own = view.join_view(rig, OURS, "rf_secret", (BUNDLE,)).steps[-1].command
    assert "curl -fsSk " in own
    assert "wget -q --no-check-certificate " in own
    assert own.index("sha256sum -c") < own.index('sh "$f" join')
    vouched = view.join_view(rig, JoinAddress("https://farm.example"), "rf_secret", (BUNDLE,)).steps[-1].command
    assert "curl -fsS " in vouched
    assert "--no-check-certificate" not in vouched
    asic = view.join_view(Rig(2, "b", "asic", created_at=0), OURS, "rf_secret").steps
    assert f"https://10.0.0.5:7070 {OURS.fingerprint}" in [step.command for step in asic]


@pytest.mark.parametrize("bundles", [(), (BUNDLE,)])
def test_a_token_that_was_shown_is_not_known_any_more(bundles: tuple[Bundle, ...]) -> None:
    join = view.join_view(Rig(1, "a", "cpu-gpu", created_at=0), OURS, bundles=bundles)
    assert join.steps[-1].command.startswith("echo rf_… | ")


def test_with_a_sentry_to_hand_out_it_is_one_line_with_its_hash() -> None:
    [step] = view.join_view(Rig(1, "a", "cpu-gpu", created_at=0), OURS, "rf_secret", (BUNDLE,)).steps
    assert "\n" not in step.command
    assert f"x86_64) s={BUNDLE.sha256};;" in step.command
    assert step.command.index("sha256sum -c") < step.command.index('sh "$f" join')


@pytest.mark.parametrize("kind", get_args(KindName))
@pytest.mark.parametrize("bundles", [(), (BUNDLE,)])
def test_no_step_fetches_a_name_from_an_index(kind: KindName, bundles: tuple[Bundle, ...]) -> None:
    """Who registers that name there would be root on every rig that joins by it."""
    said = [f"{step.text} {step.command}" for step in view.join_steps(kind, OURS, bundles)]
    assert not any("pip" in text for text in said)
    assert any(BUNDLE.sha256 in text if bundles else "make bundle" in text for text in said)


def test_no_page_message_or_document_tells_anyone_to_install_our_name_from_an_index() -> None:
    texts = [*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.html"), *(ROOT / "docs").glob("*.md")]
    for path in [*texts, *ROOT.glob("*.md")]:
        text = path.read_text()
        assert "rigfarm[" not in text, path
        assert "pip install rigfarm" not in text, path
