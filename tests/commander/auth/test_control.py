"""A command on the Commander's own machine, asked through the socket in its data folder."""

from __future__ import annotations

import asyncio
import socket
import stat
from pathlib import Path

import msgspec
import pytest
from gated import Served, make_app

from rigfarm.commander.activity import recorder
from rigfarm.commander.auth.control import (
    SOCKET,
    Answer,
    CreateKey,
    ListKeys,
    NotRunningError,
    RevokeKey,
    ask,
    ask_or_do,
)
from rigfarm.commander.settings import Settings


async def _ask(farm: Served, question: CreateKey | ListKeys | RevokeKey) -> Answer:
    return await asyncio.to_thread(ask, farm.data_dir, question)


async def test_a_key_made_while_the_commander_runs_works_at_once(farm: Served) -> None:
    answer = await _ask(farm, CreateKey("grafana", ("read",), None))
    assert answer.secret is not None
    async with farm.client(headers={"Authorization": f"Bearer {answer.secret}"}) as program:
        assert (await program.get("/api/rigs")).json() == ["grafana"]
        assert [key.name for key in (await _ask(farm, ListKeys())).keys] == ["grafana"]
        assert (await _ask(farm, RevokeKey("Grafana"))).refusal is None
        assert (await program.get("/api/rigs")).status_code == 401
    assert (await _ask(farm, ListKeys())).keys == []


async def test_refusals_come_back_in_words(farm: Served) -> None:
    await _ask(farm, CreateKey("grafana", ("read",), None))
    assert "already" in str((await _ask(farm, CreateKey("grafana", ("read",), None))).refusal)
    assert "needs a name" in str((await _ask(farm, CreateKey("  ", ("read",), None))).refusal)
    assert "does not exist" in str((await _ask(farm, RevokeKey("prometheus"))).refusal)


async def test_only_the_user_may_ask(farm: Served) -> None:
    assert stat.S_IMODE((farm.data_dir / SOCKET).stat().st_mode) == 0o600


@pytest.mark.parametrize("line", [b"\n", b"hello\n", b'{"type":"format-disk"}\n', b"x" * 100_000 + b"\n", b"\xff\n"])
async def test_nonsense_harms_nobody(farm: Served, line: bytes) -> None:
    def send() -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(farm.data_dir / SOCKET))
            connection.sendall(line)
            with connection.makefile("rb") as lines:
                return lines.readline()

    answer = msgspec.json.decode(await asyncio.to_thread(send), type=Answer)
    assert "does not understand" in str(answer.refusal)
    assert (await _ask(farm, ListKeys())).keys == []


def test_without_a_commander_the_command_does_it_itself(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with pytest.raises(NotRunningError):
        ask(tmp_path, ListKeys())
    assert ask_or_do(settings, CreateKey("grafana", ("read",), None), recorder(settings)).secret
    assert ask_or_do(settings, CreateKey("grafana", ("read",), None), recorder(settings)).refusal
    assert [key.name for key in ask_or_do(settings, ListKeys(), recorder(settings)).keys] == ["grafana"]
    with socket.socket(socket.AF_UNIX) as dead:  # a Commander that was killed leaves its socket behind
        dead.bind(str(tmp_path / SOCKET))
    assert ask_or_do(settings, RevokeKey("grafana"), recorder(settings)).refusal is None
    assert ask_or_do(settings, ListKeys(), recorder(settings)).keys == []


async def test_a_data_folder_with_a_long_path_works(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 150)
    folder.mkdir()
    app, _ = make_app(Settings(data_dir=folder, password="farmland"))
    async with app.lifespan():
        answer = await asyncio.to_thread(ask, folder, CreateKey("grafana", ("read",), None))
        assert answer.secret is not None
    assert not (folder / SOCKET).exists()


async def test_a_question_that_fails_is_answered_and_the_next_one_works(
    farm: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without this the command hangs for half a minute."""
    with monkeypatch.context() as broken:

        async def broken_part(*_: object) -> Answer:
            raise RuntimeError("a defect")

        broken.setattr("rigfarm.commander.auth.control.carry_out", broken_part)
        assert "see the Commander's log" in str((await _ask(farm, ListKeys())).refusal)
    assert (await _ask(farm, ListKeys())).refusal is None
