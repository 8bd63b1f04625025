"""A fresh Sentry reads ASICs as soon as somebody says so on its page, and that page wants a password from then on."""

from __future__ import annotations

import builtins
import stat
from pathlib import Path

import pytest
from page_helpers import browsing, post
from sentry_helpers import FakePart

from rigfarm.sentry.asic.lan import LanAsics
from rigfarm.sentry.compose import parts_of
from rigfarm.sentry.identity.settings import Settings, load_settings
from rigfarm.sentry.ui.ask import ask_status
from rigfarm.wire.tokens import new_token
from support.asic_trial import QUICK
from support.toy_commander import ToyCommander
from support.until import until


def chosen(password: str = "eight or more", again: str | None = None) -> dict[str, str]:
    return {"password": password, "again": password if again is None else again}


async def test_from_nothing_to_the_list(settings: Settings) -> None:
    lan = LanAsics(settings.data_dir, pace=QUICK)
    async with browsing(settings, None, FakePart(""), lan) as (agent, client):
        assert 'href="/asics"' in (await client.get("/")).text, "the token page offers it"
        assert "First choose a password" in (await client.get("/asics")).text
        begun = await post(client, "/asics/begin", **chosen())
        assert (begun.status_code, begun.headers["Location"]) == (303, "/asics")
        assert "No ASICs are in the list yet" in (await client.get("/asics")).text
        assert load_settings(settings.data_dir, {}).ui_password is not None
        assert "eight or more" not in (settings.data_dir / "sentry.toml").read_text()
        assert stat.S_IMODE((settings.data_dir / "asics.sqlite").stat().st_mode) == 0o600
        client.cookies.clear()
        assert (await client.get("/asics")).headers["Location"] == "/login?next=/asics"
        assert agent.problems() == []


@pytest.mark.parametrize(
    ("passwords", "why"), [(chosen("short"), "8 characters"), (chosen("eight or more", "eight or mor"), "differ")]
)
async def test_a_password_that_will_not_do(settings: Settings, passwords: dict[str, str], why: str) -> None:
    lan = LanAsics(settings.data_dir, pace=QUICK)
    async with browsing(settings, None, FakePart(""), lan) as (_, client):
        answer = await post(client, "/asics/begin", **passwords)
        assert answer.status_code == 422
        assert why in answer.text
        assert passwords["password"] not in answer.text
        assert lan.part is None
        assert not (settings.data_dir / "sentry.toml").exists()


async def test_a_sentry_that_reads_asics_does_not_ask_for_a_token_of_its_own(settings: Settings) -> None:
    lan = LanAsics(settings.data_dir, wanted=True, pace=QUICK)
    async with browsing(settings, None, FakePart(""), lan) as (_, client):
        await until(lambda: lan.part)
        home = (await client.get("/")).text
        assert "needs a token" not in home
        assert "none in the list yet" in home
        assert 'href="/token"' in home, "it may become a rig as well"
        assert "This machine needs a token" in (await client.get("/token")).text
        lines = await ask_status(settings.data_dir)
        assert "ASICs      none in the list yet" in lines
        assert "Rig        none: no token" in lines


async def test_nobody_else_begins_or_chooses_the_password(settings: Settings) -> None:
    """Who chose the password first, owned the list, and so the logins of all devices."""
    lan = LanAsics(settings.data_dir, pace=QUICK)
    async with browsing(settings, None, FakePart(""), lan, login=False) as (_, client):
        assert (await post(client, "/asics/begin", **chosen())).status_code == 401
        assert lan.part is None
        assert not (settings.data_dir / "sentry.toml").exists()


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where `rigfarm[asic]` is missing."""
    real = builtins.__import__

    def lacking(name: str, *rest: object, **more: object) -> object:
        if name == "rigfarm.sentry.asic":
            raise ImportError("no", name="pyasic_rs")
        return real(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", lacking)


async def test_what_is_not_installed_is_named(settings: Settings, not_installed: None) -> None:
    lan = LanAsics(settings.data_dir, pace=QUICK)
    async with browsing(settings, None, FakePart(""), lan) as (_, client):
        answer = await post(client, "/asics/begin", **chosen())
        assert answer.status_code == 422
        assert "Install the Sentry from its Commander" in answer.text
        assert "pyasic_rs" in answer.text


async def test_what_is_not_installed_stops_nothing_else(settings: Settings, not_installed: None) -> None:
    part = FakePart("")
    async with browsing(settings, None, part, LanAsics(settings.data_dir, wanted=True)) as (agent, _):
        await until(lambda: agent.problems())
        ((_, problem),) = agent.problems()
        assert "Install the Sentry from its Commander" in problem
        assert part.reporter is not None, "this machine goes on"


def test_what_a_sentry_is_made_of(tmp_path: Path) -> None:
    def reads(settings: Settings) -> bool:
        _, lan = parts_of(settings)
        assert isinstance(lan, LanAsics)
        return lan._wanted

    assert not reads(Settings(data_dir=tmp_path))
    assert reads(Settings(data_dir=tmp_path, asics=True))
    (tmp_path / "asics.sqlite").touch()
    assert reads(Settings(data_dir=tmp_path)), "once begun, at every start"


async def test_the_rig_of_this_machine_is_not_mistaken_for_an_asic(settings: Settings, commander: ToyCommander) -> None:
    """The verdict on an ASIC's token says nothing about this machine."""
    lan = LanAsics(settings.data_dir, wanted=True, pace=QUICK)
    token = new_token()
    async with browsing(settings, commander, FakePart(""), lan) as (agent, client):
        await until(lambda: lan.part)
        assert lan.part is not None
        await lan.part.service.add_csv(f"127.0.0.9,asic-9,{token}")
        await until(lambda: agent.judgements)
        assert "no longer knows this machine" not in (await client.get("/token")).text
        assert "its token is refused" not in (await client.get("/")).text
