"""Pages and API of alerts in a real Commander: what fires is shown at once on all open pages."""

from __future__ import annotations

import re
import urllib.error
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rigfarm.simulate.commander import CommanderProcess
from support.until import until_now

QUICK = """
import rigfarm.commander.alerts.engine.watch as watch
watch.START_S = 0.0
made = watch.Watch.__init__
def quick(self, *args, **more):
    made(self, *args, **{**more, "start_s": 0.0})
watch.Watch.__init__ = quick
import rigfarm.commander.alerts.engine.farm as farm
farm._disk_trouble = lambda folder: "only 1 MB free"
import rigfarm.commander.alerts.rules.commander as rule
from msgspec.structs import replace
rule.CommanderTrouble.defaults = (replace(rule.CommanderTrouble.defaults[0], minutes=0.0),)
from rigfarm.commander.alerts.automation import rows
from rigfarm.commander.alerts.automation.model import Act
async def acts(tx, alert_id, limit):
    return [Act(1, alert_id, 1, 4711, "rig <7>", "Restart miner", "failed", "no <answer>", 1_760_000_000_000, "c1")]
rows.load_acts = acts
"""


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("commander"), mutation=QUICK) as one:
        yield one


@pytest.fixture(scope="module")
def browser(commander: CommanderProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=commander.url, headers={"Origin": commander.url}, timeout=30) as client:
        assert client.post("/login", data={"password": commander.password}).status_code == 303
        yield client


def _alerts(commander: CommanderProcess) -> Any:
    return commander.api("GET", "/api/alerts")


def _csrf(browser: httpx.Client) -> str:
    return browser.get("/alerts").text.partition('name="csrf" content="')[2].partition('"')[0]


def test_a_full_disk_is_an_alert_that_can_be_acknowledged_noted_and_ended(
    commander: CommanderProcess, browser: httpx.Client
) -> None:
    until_now(lambda: _alerts(commander))
    (alert,) = _alerts(commander)
    assert (alert["text"], alert["state"], alert["severity"]) == ("disk: only 1 MB free", "firing", "critical")
    page = browser.get("/alerts").text
    assert "disk: only 1 MB free" in page
    assert 'data-count="1"' in page
    assert re.search(r'data-since="\d{13}" data-text="Commander: disk: only 1 MB free"', page)
    assert "disk: only 1 MB free" in browser.get("/").text or "An empty farm" in browser.get("/").text
    here = f"/alerts/{alert['id']}"
    data = {"csrf": _csrf(browser)}
    assert browser.post(f"{here}/acknowledge", data=data).status_code == 303
    assert 'data-count="0"' in browser.get("/alerts").text
    assert browser.post(f"{here}/note", data={**data, "text": " "}).status_code == 422
    assert browser.post(f"{here}/note", data={**data, "text": "logs of\n<b>backups</b>"}).status_code == 303
    detail = browser.get(here).text
    assert "&lt;b&gt;backups&lt;/b&gt;" in detail
    assert "python-httpx" in detail, "who acknowledged it"
    assert browser.post(f"{here}/snooze", data={**data, "minutes": "9e9"}).status_code == 422
    assert browser.post(f"{here}/snooze", data={**data, "minutes": "30"}).status_code == 303
    assert _alerts(commander)[0]["state"] == "snoozed"
    for dialog in ("snooze", "note", "end"):
        assert "<form" in browser.get(f"{here}/{dialog}").text
    assert browser.post(f"{here}/end", data=data).status_code == 303
    resolved: Any = commander.api("GET", "/api/alerts?state=resolved")
    assert [one["id"] for one in resolved] == [alert["id"]]
    assert browser.get("/alerts?state=resolved&severity=critical").text.count(f'href="{here}"') == 1


def test_what_a_rule_did_is_on_the_page_of_its_alert_and_in_the_api(
    commander: CommanderProcess, browser: httpx.Client
) -> None:
    alert: Any = commander.api("GET", "/api/alerts?state=resolved")[0]  # type: ignore[index]
    page = browser.get(f"/alerts/{alert['id']}").text
    assert "rig &lt;7&gt;" in page
    assert "no &lt;answer&gt;" in page
    detail: Any = commander.api("GET", f"/api/alerts/{alert['id']}")
    (act,) = detail["actions"]
    assert (act["rig"], act["what"], act["state"], act["command"]) == ("rig <7>", "Restart miner", "failed", "c1")


def test_a_rule_that_acts_says_so_on_its_form_and_in_the_list(
    commander: CommanderProcess, browser: httpx.Client
) -> None:
    data = {"csrf": _csrf(browser), "kind_of_rule": "idle", "name": "Restart idle ones", "minutes": "3"}
    data |= {"well_minutes": "1", "severity": "warning", "sends": "all", "on": "1"}
    form = browser.get("/alerts/rules/new?kind=idle").text
    assert "What the rule does by itself" in form
    assert "It only notifies: nothing is done to rigs." in form
    assert "What the rule does by itself" not in browser.get("/alerts/rules/new?kind=commander").text
    limit = {"action": "power-limit", "action_watts": "", "action_minutes": "7"}
    assert "It only notifies" in browser.post("/alerts/rules/says", data=data | limit).text
    limit["action_watts"] = "900"
    said = browser.post("/alerts/rules/says", data=data | limit).text
    assert "Limits the power of a rig to 900 W once its alert has fired for 7 min: at most once an hour" in said
    refused = browser.post("/alerts/rules", data=data | limit | {"action_watts": ""})
    assert refused.status_code == 422
    assert "Enter how many watts a rig may draw." in refused.text
    assert browser.post("/alerts/rules", data=data | limit).status_code == 303
    assert "Limits the power of a rig to 900 W" in browser.get("/alerts/rules").text
    rules: Any = commander.api("GET", "/api/alert-rules")
    (made,) = [one for one in rules if one["form"]["name"] == "Restart idle ones"]
    assert (made["form"]["action"], made["form"]["action_watts"], made["form"]["action_rigs"]) == (
        "power-limit",
        900,
        3,
    )
    assert all(one["form"]["action"] == "" for one in rules if one is not made)
    commander.api("DELETE", f"/api/alert-rules/{made['id']}")


def test_a_key_cannot_have_done_by_a_rule_what_it_must_not_do_itself(commander: CommanderProcess) -> None:
    made: Any = commander.api("POST", "/api/keys", {"name": "writer", "scopes": ["read", "configure"]})
    headers = {"Authorization": f"Bearer {made['key']}"}
    with httpx.Client(base_url=commander.url, headers=headers, timeout=30) as writer:
        form = {"name": "Plain", "action": ""}
        rule = writer.post("/api/alert-rules", json={"kind": "idle", "form": form}).json()
        here = f"/api/alert-rules/{rule['id']}"
        acting = {"kind": "idle", "form": form | {"action": "reboot"}}
        assert writer.post("/api/alert-rules", json=acting).status_code == 403
        assert writer.patch(here, json={"form": {"action": "reboot"}}).status_code == 403
        commander.api("PATCH", here, {"form": {"action": "reboot"}})
        assert writer.patch(here, json={"form": {"q": "tag:solar"}}).status_code == 403
        assert writer.patch(here, json={"form": {"action": ""}}).status_code == 200
        assert writer.delete(here).status_code == 204


def test_a_wording_is_previewed_while_one_types(browser: httpx.Client) -> None:
    data = {"csrf": _csrf(browser), "title_template": "$WHO <b> $STATE", "body_template": "$WHAT\r\n$SHARED"}
    shown = browser.post("/alerts/channels/preview", data=data).text
    # The disk is still full: what was ended by hand fires again after a while.
    assert re.search("<b>Commander &lt;b&gt; (resolved|critical)</b>", shown), shown
    assert "disk: only 1 MB free" in shown
    wrong = browser.post("/alerts/channels/preview", data=data | {"body_template": "$NO"})
    assert wrong.status_code == 200
    assert "$NO is not a placeholder here" in wrong.text
    form = browser.get("/alerts/channels/new").text
    assert "Wording of messages" in form
    assert "<code>$ACKNOWLEDGE_URL</code>" in form


def test_a_form_without_its_token_changes_nothing(commander: CommanderProcess, browser: httpx.Client) -> None:
    assert browser.post("/alerts/1/acknowledge", data={}).status_code == 403


def test_what_does_not_exist_is_said(browser: httpx.Client) -> None:
    assert browser.get("/alerts/4711").status_code == 404
    for odd in ("state=nonsense", "severity=x", "rule=y", "before=z", "colour=red"):
        assert browser.get(f"/alerts?{odd}").status_code == 400


def test_rules_and_thresholds_are_changed_on_pages_and_by_the_api(
    commander: CommanderProcess, browser: httpx.Client
) -> None:
    data = {"csrf": _csrf(browser)}
    page = browser.get("/alerts/rules").text
    assert "Devices that are too hot" in page
    rules: Any = commander.api("GET", "/api/alert-rules")
    hot = next(one for one in rules if one["kind"] == "temperature")
    form = browser.get(f"/alerts/rules/{hot['id']}/edit").text
    assert "GPU hotspot (°C)" in form
    typed = {
        **data,
        "name": "Hot GPUs",
        "severity": "warning",
        "minutes": "3",
        "well_minutes": "1",
        "gpu": "70",
        "on": "1",
    }
    here = f"/alerts/rules/{hot['id']}"
    wrong = browser.post(here, data={**typed, "minutes": "2000", "gpu": "x", "revision": "1"})
    assert wrong.status_code == 422
    assert "Enter a number" in wrong.text
    wrong = browser.post(here, data={**typed, "minutes": "2000", "revision": "1", "sends": "all"})
    assert wrong.status_code == 422
    assert "from 0 to 1440 minutes" in wrong.text
    assert browser.post(here, data={**typed, "revision": "1", "sends": "all"}).status_code == 303
    assert browser.post(here, data={**typed, "revision": "1", "sends": "all"}).status_code == 409
    rules = commander.api("GET", "/api/alert-rules")
    assert next(one for one in rules if one["id"] == hot["id"])["form"]["gpu"] == 70
    made: Any = commander.api(
        "POST", "/api/alert-rules", {"kind": "power", "form": {"name": "Too much", "above": 1500}}
    )
    assert "Too much" in browser.get("/alerts/rules").text
    changed: Any = commander.api("PATCH", f"/api/alert-rules/{made['id']}", {"form": {"above": 1600}})
    assert (changed["form"]["name"], changed["form"]["above"], changed["revision"]) == ("Too much", 1600, 2)
    with pytest.raises(urllib.error.HTTPError, match="409"):
        commander.api("PATCH", f"/api/alert-rules/{made['id']}", {"form": {"above": 1700}, "revision": 1})
    many = {**data, "kind_of_rule": "offline", "name": "x", "channel-" + "9" * 5000: "1", "sends": "chosen"}
    assert browser.post("/alerts/rules", data=many).status_code == 422
    commander.api("DELETE", f"/api/alert-rules/{made['id']}")
    assert "Too much" not in browser.get("/alerts/rules").text
    thresholds: Any = commander.api("GET", "/api/thresholds")
    texts = {name: str(value * 100 if value < 1 else value) for name, value in thresholds.items()}
    assert browser.post("/alerts/thresholds", data={**data, **texts, "gpu_bad": "60"}).status_code == 422
    assert browser.post("/alerts/thresholds", data={**data, **texts, "gpu_bad": "88"}).status_code == 303
    thresholds = commander.api("GET", "/api/thresholds")
    assert (thresholds["gpu_bad"], thresholds["rejects_bad"]) == (88, 0.05)
    thresholds = commander.api("PATCH", "/api/thresholds", {"gpu_warn": 70})
    assert (thresholds["gpu_warn"], thresholds["gpu_bad"]) == (70, 88)


def test_a_channel_is_added_tested_and_never_shown_whole(commander: CommanderProcess, browser: httpx.Client) -> None:
    data = {"csrf": _csrf(browser), "severity": "info", "use": "alerts", "zone": "UTC", "per_hour": "20", "on": "1"}
    assert "Be told where you are" in browser.get("/alerts/channels").text
    assert browser.post("/alerts/channels", data={**data, "name": "hook", "url": "nonsense://x"}).status_code == 422
    url = "json://192.0.2.1:1/very-secret-path"
    assert browser.post("/alerts/channels", data={**data, "name": "hook", "url": url}).status_code == 303
    page = browser.get("/alerts/channels").text
    assert "json://…" in page
    assert "very-secret" not in page + browser.get("/alerts/channels/1/edit").text
    tested = browser.post("/alerts/channels/1/test", data={"csrf": _csrf(browser)}).text
    assert "192.0.2.1 is blocked: nothing is sent there" in tested
    channels: Any = commander.api("GET", "/api/alert-channels")
    assert [(one["name"], one["service"], "url" in one) for one in channels] == [("hook", "json://…", False)]
    changed: Any = commander.api("PATCH", "/api/alert-channels/1", {"severity": "critical"})
    assert (changed["name"], changed["severity"], changed["service"]) == ("hook", "critical", "json://…")
    assert "very-secret" not in commander.log.read_text()
    assert browser.get("/acknowledge/1.9999999999.forged").status_code == 404
    assert browser.post("/alerts/channels/1/remove", data={"csrf": _csrf(browser)}).status_code == 303


def test_a_maintenance_window_is_added_changed_and_removed(browser: httpx.Client) -> None:
    data = {"csrf": _csrf(browser), "name": "cleaning", "repeats": "weekly", "days": "fri", "begins": "22:00",
            "ends": "02:00", "zone": "Europe/Berlin"}  # fmt: skip
    assert browser.post("/alerts/windows", data={**data, "days": "someday"}).status_code == 422
    assert browser.post("/alerts/windows", data=data).status_code == 303
    assert "fri 22:00–02:00 Europe/Berlin" in browser.get("/alerts/channels").text
    assert 'value="fri"' in browser.get("/alerts/windows/1/edit").text
    assert browser.post("/alerts/windows/1", data={**data, "days": "mon", "revision": "1"}).status_code == 303
    assert "mon 22:00" in browser.get("/alerts/channels").text
    assert browser.post("/alerts/windows/1/remove", data=data).status_code == 303
    assert "cleaning" not in browser.get("/alerts/channels").text


def test_a_maintenance_window_by_the_api(commander: CommanderProcess) -> None:
    weekly = {"name": "all of the time", "repeats": "weekly", "days": "mon tue wed thu fri sat sun", "begins": "00:00",
              "ends": "00:00"}  # fmt: skip
    here = "/api/maintenance-windows"
    with pytest.raises(urllib.error.HTTPError, match="422"):
        commander.api("POST", here, {**weekly, "days": "someday"})
    made: Any = commander.api("POST", here, weekly)
    assert (made["revision"], made["zone"], made["rigs"], "now_until" in made) == (1, "UTC", [], True)
    changed: Any = commander.api("PATCH", f"{here}/{made['id']}", {"kind": "asic", "revision": 1})
    assert (changed["name"], changed["kind"], changed["revision"]) == ("all of the time", "asic", 2)
    with pytest.raises(urllib.error.HTTPError, match="409"):
        commander.api("PATCH", f"{here}/{made['id']}", {"kind": "", "revision": 1})
    assert commander.api("GET", here) == [changed]
    commander.api("DELETE", f"{here}/{made['id']}")
    assert commander.api("GET", here) == []
    done: Any = commander.api("GET", "/api/activity")
    assert {"create maintenance window", "change maintenance window", "remove maintenance window"} <= {
        one["action"] for one in done
    }
