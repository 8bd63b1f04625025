"""What a replica answers until it leads, what it refuses to start with, and how it begins again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from rigfarm.commander.settings import Settings, SettingsError, load_settings
from support.nats_server import NatsServer
from support.replicas import ReplicaProcess, replicas
from support.until import until_now


def test_replicas_need_a_database_that_they_share() -> None:
    with pytest.raises(SettingsError, match="set database_url to a PostgreSQL"):
        load_settings(environ={"RIGFARM_NATS_URL": "nats://127.0.0.1"})


def test_the_url_of_nats_is_a_secret() -> None:
    assert "word" not in repr(Settings(nats_url="nats://user:word@host"))


async def test_a_standby_sends_everybody_on_and_leads_when_it_is_alone(
    tmp_path: Path, nats: NatsServer, postgresql_url: str
) -> None:
    settings = {"nats_url": nats.url, "database_url": postgresql_url}
    with replicas(tmp_path, 2, settings) as (first, second):
        async with httpx.AsyncClient(base_url=second.url) as client:
            for path in ("/", "/readyz", "/leads", "/api/rigs", "/nowhere"):
                answer = await client.get(path)
                assert (answer.status_code, answer.headers["retry-after"]) == (502, "2")
                assert "standby" in answer.text
            assert (await client.post("/api/rigs/many", json={})).status_code == 502
            assert (await client.get("/healthz")).json() == {"status": "standby"}
        for path in ("/link", "/live"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(second.url.replace("http", "ws") + path)
            assert refused.value.response.status_code == 502
        key = first.key
        until_now(lambda: [one["name"] for one in _others(first, key) if one["follows"]] == ["replica-2"])
        login = _login(first)
        first.stop()
        until_now(lambda: second.leads, second.log.read_text)
        seen = httpx.get(second.url, cookies=login, headers={"Host": first.url.removeprefix("http://")})
        assert seen.status_code == 200, "who is logged in stays so"
        assert _others(second, key) == []


def test_another_data_folder_is_no_replica(tmp_path: Path, nats: NatsServer, postgresql_url: str) -> None:
    settings = {"nats_url": nats.url, "database_url": postgresql_url}
    with replicas(tmp_path, 1, settings):
        stranger = ReplicaProcess(tmp_path / "stranger", settings=settings, fresh=True)
        with pytest.raises(RuntimeError, match="is not of this farm"):
            stranger.start()


def test_a_process_that_begins_again_has_its_settings(tmp_path: Path) -> None:
    """Secrets were taken out of the environment; the program that replaces it finds them there again."""
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from rigfarm.commander.replicas.again import Again\n"
        "from rigfarm.commander.settings import Settings\n"
        "if 'RIGFARM_PASSWORD' in os.environ:\n"
        "    print(os.getpid(), os.environ['RIGFARM_PASSWORD'], os.environ['RIGFARM_NATS_URL'], sys.argv)\n"
        "else:\n"
        "    print(os.getpid(), flush=True)\n"
        "    Again(Settings(data_dir=Path('.'), password='secret word', nats_url='nats://u:p@h')).begin('a test')\n"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RIGFARM_")}
    done = subprocess.run([sys.executable, "-c", code, "one", "two"], env=clean, capture_output=True, text=True)
    before, *_, after = done.stdout.splitlines()
    assert after == f"{before} secret word nats://u:p@h ['-c', 'one', 'two']", done.stderr


def _others(one: ReplicaProcess, key: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = httpx.get(
        f"{one.url}/api/health", headers={"Authorization": f"Bearer {key}"}
    ).json()["replicas"]
    return found


def _login(one: ReplicaProcess) -> dict[str, str]:
    answer = httpx.post(f"{one.url}/login", data={"password": one.password}, headers={"Origin": one.url})
    assert answer.status_code in (200, 303), answer.text
    return dict(answer.cookies)
