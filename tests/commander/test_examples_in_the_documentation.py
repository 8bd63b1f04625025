"""The examples of the API's documentation, carried out in their order on an empty Commander."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rigfarm.commander.api_docs.examples import EXAMPLES
from rigfarm.commander.auth.control import CreateKey, ask
from rigfarm.commander.auth.scopes import SCOPES
from rigfarm.simulate.commander import CommanderProcess

NOT_THERE = (
    "/api/logins/{login_id}",
    "/api/sentry-updates",
    "/api/alerts/{alert_id}/snooze",
    "/api/alerts/{alert_id}/notes",
)
"""A farm in which nobody has logged in and no rig has reported has nothing that these are about. They are refused after
the body was understood."""
FILES = "POST /api/imports"
"""Its body is files; docs/coming-from-hiveos.md has the example."""


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    folder = tmp_path_factory.mktemp("commander")
    with CommanderProcess(folder, settings={"legacy_api": "on"}) as commander:
        yield commander


def archive() -> bytes:
    """With the executable that the example of mining software names."""
    packed, script = io.BytesIO(), b"#!/bin/sh\n"
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("xmrig")
        member.size, member.mode = len(script), 0o755
        tar.addfile(member, io.BytesIO(script))
    return packed.getvalue()


def test_the_examples_work_from_the_first_to_the_last(commander: CommanderProcess) -> None:
    ids: dict[str, int] = {}
    tokens = {"all": ask(commander.folder, CreateKey("all", SCOPES, 31_536_000)).secret, "enrol": None}
    with httpx.Client(base_url=commander.url, timeout=60) as api:

        def send(what: str, **body: Any) -> httpx.Response:
            method, template = what.split()
            path = re.sub(r"\{(\w+)\}", lambda one: str(ids.get(one[1], 1)), template)
            token = tokens["enrol" if path == "/api/enrol" else "all"]
            return api.request(method, path, headers={"Authorization": f"Bearer {token}"}, **body)

        for what, body in EXAMPLES.items():
            if what.endswith("/pin"):
                file = archive()
                uploaded = send("PUT /api/software/{software_id}/archive", content=file)
                assert uploaded.is_success, uploaded.text
                body = {"sha256": hashlib.sha256(file).hexdigest()}
            answer = send(what, json=body)
            if what.endswith(NOT_THERE):
                assert answer.status_code in (404, 409, 422), (what, answer.text)
                continue
            assert answer.is_success, (what, answer.text)
            made: Any = answer.json() if answer.content else {}
            if what == "POST /api/enrolment-keys":
                tokens["enrol"] = made["key"]
            if what == "POST /api/alert-rules":  # those that come with the Commander are there already
                ids["rule_id"] = made["id"]
        assert api.get("/api/rigs", headers={"Authorization": f"Bearer {tokens['all']}"}).json()[0]["name"] == "rig-01"


def test_every_request_with_a_body_has_one(commander: CommanderProcess) -> None:
    documented: dict[str, Any] = commander.api("GET", "/api/docs/openapi.json")["paths"]
    found = {
        f"{method.upper()} {path}": [
            example["value"]
            for media in operation["requestBody"]["content"].values()
            for example in media.get("examples", {}).values()
        ]
        for path, operations in documented.items()
        for method, operation in operations.items()
        if "requestBody" in operation and path.startswith("/api/")
    }
    assert found.pop(FILES) == []
    assert {what: values for what, values in found.items() if values != [EXAMPLES.get(what)]} == {}
    assert set(EXAMPLES) == set(found)
