"""A script that sends a request again, because it never saw the answer, does nothing twice."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rigfarm.commander.auth.control import CreateKey, ask
from rigfarm.commander.idempotency import Answer, Answers
from rigfarm.commander.idempotency.store import KEPT_MS, MAX_ANSWERS, MAX_BYTES, Asked, digest_of
from rigfarm.commander.storage import Storage
from rigfarm.simulate.commander import CommanderProcess
from support.until import until_now


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("commander")) as commander:
        yield commander


def client(commander: CommanderProcess, key: str = "") -> httpx.Client:
    headers = {"Authorization": f"Bearer {key or commander.key}"}
    return httpx.Client(base_url=commander.url, headers=headers, timeout=60)


def add(api: httpx.Client, name: str, key: str, **more: Any) -> httpx.Response:
    return api.post("/api/rigs", json={"name": name, "kind": "cpu-gpu", **more}, headers={"Idempotency-Key": key})


def test_the_same_request_is_answered_again(commander: CommanderProcess) -> None:
    with client(commander) as api:
        first, again = add(api, "once", "k1"), add(api, "once", "k1")
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.json() == first.json()
        assert again.headers["content-type"] == first.headers["content-type"]
        assert again.headers["idempotent-replayed"] == "true"
        assert "idempotent-replayed" not in first.headers
        assert len(api.get("/api/rigs?filter=name:once").json()) == 1
        entries = api.get("/api/activity?q=once").json()
        assert len(entries) == 1, "nothing was done the second time"


def test_a_request_may_be_as_large_as_without_a_key(commander: CommanderProcess) -> None:
    rows = b"miner_name\nlarge\n" + b"\n" * (2 << 20)
    with client(commander) as api:
        planned = api.post("/api/imports", files={"file": ("rigs.csv", rows)}, headers={"Idempotency-Key": "large"})
        assert planned.status_code == 200, planned.text
        refused = api.post("/api/rigs", content=bytes(2 << 20), headers={"Idempotency-Key": "larger"})
        assert refused.status_code == 413


def test_without_a_key_it_is_done_again(commander: CommanderProcess) -> None:
    with client(commander) as api:
        body = {"name": "no key", "kind": "asic"}
        assert [api.post("/api/rigs", json=body).status_code for _ in range(2)] == [201, 409]


def test_a_key_of_another_request_is_refused(commander: CommanderProcess) -> None:
    with client(commander) as api:
        assert add(api, "one", "k2").status_code == 201
        refused = add(api, "two", "k2")
        assert refused.status_code == 422
        assert refused.headers["content-type"] == "application/problem+json"
        elsewhere = api.post("/api/rigs/remove", json={"rigs": [1]}, headers={"Idempotency-Key": "k2"})
        assert elsewhere.status_code == 422
        assert api.get("/api/rigs?filter=name:two").json() == []


def test_what_was_refused_can_be_sent_again(commander: CommanderProcess) -> None:
    with client(commander) as api:
        assert add(api, "", "k3").status_code == 422
        assert add(api, "mended", "k3").status_code == 201


FAILS_AFTERWARDS = """
from rigfarm.commander.rigs.actions import Rigs
create = Rigs.create
async def fails(self, name, kind):
    await create(self, name, kind)
    raise RuntimeError("after it was done")
Rigs.create = fails
"""


def test_what_failed_after_it_was_done_is_not_done_again(tmp_path: Path) -> None:
    with CommanderProcess(tmp_path, mutation=FAILS_AFTERWARDS) as commander, client(commander) as api:
        assert add(api, "half", "k").status_code == 500
        again = add(api, "half", "k")
        assert again.status_code == 409
        assert "Check whether it was carried out" in again.json()["detail"]
        assert len(api.get("/api/rigs").json()) == 1


def test_a_key_belongs_to_its_client(commander: CommanderProcess) -> None:
    other = ask(commander.folder, CreateKey("other", ("configure",), 3600)).secret
    assert other is not None
    with client(commander) as api, client(commander, other) as another:
        assert add(api, "mine", "k4").status_code == 201
        assert add(another, "theirs", "k4").status_code == 201


@pytest.mark.parametrize("key", ["x" * 256, "a\tb", "ä".encode().decode("latin-1")])
def test_a_key_that_cannot_be_is_refused(commander: CommanderProcess, key: str) -> None:
    with client(commander) as api:
        answer = api.post(
            "/api/rigs", json={"name": "no", "kind": "asic"}, headers=[("Idempotency-Key", key.encode("latin-1"))]
        )
        assert answer.status_code == 400


def test_while_a_request_is_under_way_it_is_not_done_twice(commander: CommanderProcess) -> None:
    names = [f"many-{number}" for number in range(3000)]
    body, headers = {"names": names, "kind": "asic"}, {"Idempotency-Key": "k5"}
    seen: list[int] = []

    def send() -> None:
        with client(commander) as api:
            seen.append(api.post("/api/rigs/many", json=body, headers=headers).status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) <= {201, 409}
    assert 201 in seen
    with client(commander) as api:
        assert len(api.get("/api/rigs?filter=name:many-*&limit=2000").json()) == 2000
        assert len(api.post("/api/rigs/many", json=body, headers=headers).json()) == 3000


def test_a_restart_forgets_nothing_and_the_database_has_no_token(tmp_path: Path) -> None:
    with CommanderProcess(tmp_path) as commander:
        with client(commander) as api:
            first = add(api, "rig", "k")
        commander.kill()
        for path in tmp_path.glob("rigfarm.db*"):
            assert first.json()["token"].encode() not in path.read_bytes()
        commander.start()
        with client(commander) as api:
            assert add(api, "rig", "k").json() == first.json()
        commander.stop()
        with sqlite3.connect(tmp_path / "rigfarm.db") as database:
            database.execute("UPDATE idempotent_requests SET answer = NULL")
        commander.start()
        with client(commander) as api:
            unknown = add(api, "rig", "k")
            assert unknown.status_code == 409
            assert "not known" in unknown.json()["detail"]
        until_now(commander.ready)


def asked(name: str) -> Asked:
    return Asked(digest_of("secret", b"id", name.encode()), digest_of("secret", b"what"), digest_of("secret", b"seal"))


async def test_answers_are_forgotten_after_a_day(storage: Storage) -> None:
    now = [0]
    answers = Answers(storage, wall_ms=lambda: now[0])
    await answers.begin(asked("one"))
    await answers.end(asked("one"), Answer(200, b"text/plain", b"1"))
    now[0] = KEPT_MS + 1
    assert answers.known(asked("one")) is None
    await answers.begin(asked("two"))
    again = Answers(storage, wall_ms=lambda: now[0])
    await again.load()
    assert again.known(asked("two")) is not None
    assert await again.answer(asked("one")) is None


async def test_there_are_never_too_many(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rigfarm.commander.idempotency.store.MAX_ANSWERS", 5)
    answers = Answers(storage)
    for number in range(9):
        await answers.begin(asked(str(number)))
    assert [number for number in range(9) if answers.known(asked(str(number)))] == [4, 5, 6, 7, 8]
    monkeypatch.setattr("rigfarm.commander.idempotency.store.MAX_BYTES", 1000)
    for number in range(9, 12):
        await answers.begin(asked(str(number)))
        await answers.end(asked(str(number)), Answer(200, b"text/plain", b"x" * 900))
    await answers.begin(asked("last"))
    assert answers.known(asked("9")) is None
    assert (MAX_ANSWERS, MAX_BYTES) == (10_000, 64 << 20)
