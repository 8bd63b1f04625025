"""The page of webhooks and its dialogs, and the API: a secret is shown once, a URL never again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rigfarm.simulate.commander import PASSWORD, CommanderProcess

URL = "https://receiver.invalid/hooks/s3cret-path"


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("commander")) as process:
        yield process


@pytest.fixture
def browser(commander: CommanderProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=commander.url, headers={"Origin": commander.url}, timeout=60) as browser:
        assert browser.post("/login", data={"password": PASSWORD}).status_code == 303
        browser.headers["X-CSRF-Token"] = _csrf(browser)
        yield browser


def _csrf(browser: httpx.Client) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get("/settings").text)
    assert found is not None
    return found[1]


def test_a_webhook_from_the_first_page_to_its_removal(browser: httpx.Client) -> None:
    assert "Tell your own programs" in browser.get("/settings/webhooks").text
    assert 'href="/settings/webhooks"' in browser.get("/settings").text
    form = {"name": "tickets", "url": URL, "on": "1", "alerts": "1"}
    wrong = browser.post("/settings/webhooks", data={**form, "url": "http://receiver.invalid"})
    assert wrong.status_code == 422
    assert "Only https is allowed" in wrong.text
    assert 'value="tickets"' in wrong.text
    made = browser.post("/settings/webhooks", data=form)
    found = re.search(r"whsec_[\w+/=]+", made.text)
    assert found is not None
    secret = found[0]
    page = browser.get("/settings/webhooks").text
    assert "https://receiver.invalid/…" in page
    edit = browser.get("/settings/webhooks/1/edit").text
    assert "checked" in edit
    tested = browser.post("/settings/webhooks/1/test").text
    assert "Could not be sent to tickets" in tested
    rotated = browser.post("/settings/webhooks/1/rotate").text
    assert "signed with the old secret as well" in rotated
    page = browser.get("/settings/webhooks").text
    assert "webhook.test" in page
    for shown in (page, edit, tested, browser.get("/activity").text):
        assert secret not in shown
        assert "s3cret" not in shown
    changed = browser.post("/settings/webhooks/1", data={"name": "other", "url": "", "revision": "2", "activity": "1"})
    assert changed.status_code == 303
    page = browser.get("/settings/webhooks").text
    assert "<small>off</small>" in page
    late = browser.post("/settings/webhooks/1", data={"name": "late", "url": "", "revision": "2"})
    assert late.status_code == 409
    assert "Remove other" in browser.get("/settings/webhooks/1/remove").text
    assert browser.post("/settings/webhooks/1/remove").status_code == 303
    assert browser.post("/settings/webhooks/1/test").status_code == 404


def test_the_api_shows_a_secret_once(commander: CommanderProcess) -> None:
    made = commander.api("POST", "/api/webhooks", {"name": "by API", "url": URL, "states": True})
    assert isinstance(made, dict)
    assert made["secret"].startswith("whsec_")
    listed = commander.api("GET", "/api/webhooks")
    assert isinstance(listed, list)
    [one] = [one for one in listed if one["id"] == made["id"]]
    assert one == {key: value for key, value in made.items() if key != "secret"}
    assert "url" not in one
    changed = commander.api("PATCH", f"/api/webhooks/{one['id']}", {"on": False, "revision": one["revision"]})
    assert isinstance(changed, dict)
    assert (changed["on"], changed["states"], changed["receiver"]) == (False, True, "https://receiver.invalid/…")
    tested = commander.api("POST", f"/api/webhooks/{one['id']}/test")
    assert isinstance(tested, dict)
    assert not tested["ok"]
    new = commander.api("POST", f"/api/webhooks/{one['id']}/secret")
    assert isinstance(new, dict)
    assert new["secret"] != made["secret"]
    sent = commander.api("GET", f"/api/webhooks/deliveries?webhook={one['id']}")
    assert isinstance(sent, list)
    assert [(row["type"], row["state"]) for row in sent] == [("webhook.test", "failed")]
    commander.api("DELETE", f"/api/webhooks/{one['id']}")
    assert commander.api("GET", f"/api/webhooks/deliveries?webhook={one['id']}") == []


def test_a_key_has_nothing_sent_that_it_may_not_read(commander: CommanderProcess) -> None:
    made = commander.api("POST", "/api/keys", {"name": "deploy", "scopes": ["read", "configure"]})
    assert isinstance(made, dict)
    headers = {"Authorization": f"Bearer {made['key']}"}
    with httpx.Client(base_url=commander.url, headers=headers) as deploy:
        wanted = {"name": "deploys", "url": URL, "activity": True}
        refused = deploy.post("/api/webhooks", json=wanted)
        assert refused.status_code == 403
        assert "it needs the scope access" in refused.json()["detail"]
        one = deploy.post("/api/webhooks", json={**wanted, "activity": False}).json()["id"]
        assert deploy.patch(f"/api/webhooks/{one}", json={"activity": True}).status_code == 403
        commander.api("PATCH", f"/api/webhooks/{one}", {"activity": True})
        assert deploy.patch(f"/api/webhooks/{one}", json={"url": "https://elsewhere.example/"}).status_code == 403


def test_the_database_of_a_backup_has_the_secret_and_no_log_does(commander: CommanderProcess) -> None:
    made = commander.api("POST", "/api/webhooks", {"name": "logged", "url": URL})
    assert isinstance(made, dict)
    logged = Path(commander.log).read_text()
    assert made["secret"] not in logged
    assert "s3cret" not in logged
