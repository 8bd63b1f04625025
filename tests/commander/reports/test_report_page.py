"""The page, the CSV and the API of reports, of a Commander whose history is known: two rigs over two days."""

from __future__ import annotations

import csv
import importlib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rigfarm.commander.history.happened.facts import Happened, StateWas
from rigfarm.commander.history.happened.rows import added, runs, write
from rigfarm.commander.history.model import DAY_MS, HOUR_MS
from rigfarm.commander.web.parquet import has_parquet
from rigfarm.simulate.commander import CommanderProcess

sys.path.insert(0, str(Path(__file__).parents[1] / "history"))
from history_helpers import START, Farm, a_log

HOSTILE = "=cmd|' /C calc'!A0 <script>"
DAYS = "from=2026-11-30&to=2026-12-01"


def remember(folder: Path, rigs: list[int]) -> None:
    """Rig 1 mines all the time at 100 W and 1 MH/s and rejects a twentieth; rig 2 for the first six hours of each day
    with 200 W."""
    (folder / "history.db").unlink(missing_ok=True)
    farm = Farm(folder / "made", dict.fromkeys(rigs, "cpu-gpu"))
    farm.interval_s = 60.0
    for day in range(2):
        begin = START + day * DAY_MS
        every = [begin + n * 60_000 for n in range(1440)]
        farm.arrive(
            [
                (rigs[0], a_log(t, 1e6, accepted=(t - START) // 60_000 * 19, rejected=(t - START) // 60_000))
                for t in every
            ]
        )
        farm.arrive([(rigs[1], a_log(t, 2e6, coin="ETC", power=200.0)) for t in every[:361]])
    farm.catch_up()
    with farm.store.transaction():
        runs(farm.store, START, START + 2 * DAY_MS)
        farm.store.set_note("until_ms", START + 2 * DAY_MS)
        for rig in rigs:
            added(farm.store, rig, "cpu-gpu", START)
        write(farm.store, [Happened(START, rig, StateWas("online")) for rig in rigs])
    farm.close()
    (folder / "made" / "history.db").replace(folder / "history.db")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("commander")
    with CommanderProcess(folder, settings={"history": "off"}) as one:
        rigs = [rig for rig, _ in one.add_rigs(["rig-01", "rig-02"])]
    remember(folder, rigs)
    with (
        CommanderProcess(folder, port=one.port) as again,
        httpx.Client(base_url=again.url, headers={"Origin": again.url}, timeout=30) as browser,
    ):
        browser.get("/login")
        assert browser.post("/login", data={"password": again.password}).status_code == 303
        yield browser


def table(site: httpx.Client, part: str, query: str = DAYS) -> list[dict[str, str]]:
    answer = site.get(f"/api/reports.csv?part={part}&{query}")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def settings(site: httpx.Client, **given: str) -> httpx.Response:
    csrf = site.get("/reports/settings").text.partition('name="csrf" value="')[2].partition('"')[0]
    return site.post("/reports/settings", data={"csrf": csrf, "zone": "UTC", "currency": "EUR", "prices": "", **given})


def test_energy_and_what_it_cost_by_hand(site: httpx.Client) -> None:
    assert settings(site, prices="00:00-06:00 0.10\n0.30").status_code == 303
    kwh = 2 * (24 * 0.1 + 6 * 0.2)
    cost = 2 * (0.1 * (6 * 0.10 + 18 * 0.30) + 0.2 * 6 * 0.10)
    days = table(site, "days")
    assert [one["day"] for one in days] == ["2026-11-30", "2026-12-01"]
    assert sum(float(one["energy_kwh"]) for one in days) == pytest.approx(kwh, rel=0.01)
    assert sum(float(one["cost_EUR"]) for one in days) == pytest.approx(cost, rel=0.01)
    page = site.get(f"/reports?{DAYS}").text
    shown = re.search(r">(\d\.\d\d)<small>EUR</small>", page)
    assert shown is not None
    assert float(shown[1]) == pytest.approx(cost, rel=0.01)
    coins = {one["coin"]: one for one in table(site, "coins")}
    assert float(coins["ETC"]["cost_EUR"]) == pytest.approx(2 * 0.2 * 6 * 0.10, rel=0.03)
    assert float(coins["KAS"]["h_per_j"]) == pytest.approx(1e4, rel=1e-3)


def test_prices_follow_the_clock_of_the_zone(site: httpx.Client) -> None:
    """In Tokyo the second of December began nine hours before it did in UTC."""
    assert settings(site, zone="Asia/Tokyo", prices="1").status_code == 303
    [day] = table(site, "days", "from=2026-12-01&to=2026-12-01")
    assert float(day["energy_kwh"]) == pytest.approx(24 * 0.1 + 6 * 0.2, rel=0.01)
    [half] = table(site, "days", "from=2026-11-30&to=2026-11-30")
    assert float(half["energy_kwh"]) == pytest.approx(15 * 0.1 + 6 * 0.2, rel=0.01)


def test_rigs_that_lost_most_come_first_with_a_grade(site: httpx.Client) -> None:
    assert settings(site).status_code == 303
    rigs = table(site, "rigs")
    assert {one["rig"]: round(float(one["available"]), 2) for one in rigs} == {"rig-01": 1.0, "rig-02": 0.25}
    whole = site.get(f"/api/reports?{DAYS}").json()
    assert whole["now"]["there_s"] == pytest.approx(2 * 2 * 86_400, rel=0.01)
    assert whole["now"]["offline_s"] == pytest.approx(2 * 18 * 3600, rel=0.01)
    assert whole["begins"] == "2026-11-30T00:00:00Z"


def test_one_rig_alone(site: httpx.Client) -> None:
    rig = site.get(f"/api/reports?{DAYS}").json()["rigs"][0]
    one = site.get(f"/api/reports?{DAYS}&rig={rig['rig_id']}").json()
    assert one["now"]["energy_j"] == pytest.approx(rig["energy_j"], rel=1e-3)
    assert rig["name"] in site.get(f"/reports?{DAYS}&rig={rig['rig_id']}").text
    assert site.get(f"/reports?{DAYS}&rig=4711").status_code == 404


def label(site: httpx.Client, rig: int, **labels: object) -> None:
    csrf = site.get("/reports/settings").text.partition('name="csrf" value="')[2].partition('"')[0]
    changed = site.patch(f"/api/rigs/{rig}", json=labels, headers={"X-CSRF-Token": csrf})
    assert changed.status_code == 200, changed.text


def test_rigs_that_a_search_finds_today(site: httpx.Client) -> None:
    rigs = {one["name"]: one["rig_id"] for one in site.get(f"/api/reports?{DAYS}").json()["rigs"]}
    label(site, rigs["rig-01"], place="hall-1/rack 2", tags=["solar"])
    label(site, rigs["rig-02"], place="hall-1/rack 3")
    one = site.get(f"/api/reports?{DAYS}&rig={rigs['rig-01']}").json()
    for search in ("tag:solar", 'place:"hall-1/rack 2"', "rig-01"):
        some = site.get("/api/reports", params={"from": "2026-11-30", "to": "2026-12-01", "filter": search}).json()
        assert [rig["name"] for rig in some["rigs"]] == ["rig-01"]
        assert (some["now"], some["days"]) == (one["now"], one["days"])
    both = site.get(f"/api/reports?{DAYS}&filter=place:hall-1").json()
    farm = site.get(f"/api/reports?{DAYS}").json()
    assert both["rigs"] == farm["rigs"]
    for name in ("energy_j", "there_s", "online_s", "offline_s", "powered_s"):
        assert both["now"][name] == pytest.approx(farm["now"][name], rel=1e-6), name
    assert [row["rig"] for row in table(site, "rigs", f"{DAYS}&filter=tag:solar")] == ["rig-01"]
    assert [row["coin"] for row in table(site, "coins", f"{DAYS}&filter=tag:solar&kind=cpu-gpu")] == ["KAS"]
    page = site.get(f"/reports?{DAYS}&filter=tag:solar").text
    assert "only rigs that match “tag:solar” today: 1" in page
    assert "rig-02" not in page
    assert f"/reports?{DAYS.replace('&', '&amp;')}&amp;filter=place%3A%22hall-1%2Frack+3%22" in page


def test_a_search_that_finds_nothing_or_means_nothing(site: httpx.Client) -> None:
    assert "No rigs match" in site.get(f"/reports?{DAYS}&filter=tag:nobody").text
    assert site.get(f"/api/reports?{DAYS}&filter=tag:nobody").json()["rigs"] == []
    for query in ("filter=color:red", "filter=rig&rig=1", f"filter={'x' * 301}"):
        assert site.get(f"/reports?{DAYS}&{query}").status_code == 400, query
        assert site.get(f"/api/reports?{DAYS}&{query}").status_code == 400, query


def test_nothing_known_is_said(site: httpx.Client) -> None:
    page = site.get("/reports?from=2026-01-01&to=2026-01-02")
    assert page.status_code == 200
    assert "Nothing is known of this time yet" in page.text


@pytest.mark.parametrize(
    "query", ["period=fortnight", "from=x", "kind=gpu", "rig=x", "period=today&from=2026-11-30", "color=red", "rig=-1"]
)
def test_a_slip_is_refused(site: httpx.Client, query: str) -> None:
    assert site.get(f"/reports?{query}").status_code == 400
    assert site.get(f"/api/reports?{query}").status_code == 400


def settled(currency: str) -> dict[str, object]:
    return {"zone": "UTC", "currency": currency, "prices": "0.25", "coin_days": 7.0}


def test_settings_that_mean_nothing_change_nothing(site: httpx.Client) -> None:
    assert settings(site, prices="0.25").status_code == 303
    for wrong in ({"prices": "cheap"}, {"zone": "Mars/Olympus"}, {"currency": "x" * 9}):
        answer = settings(site, **wrong)
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
    assert site.get("/api/reports/settings").json() == {
        "zone": "UTC",
        "currency": "EUR",
        "prices": "0.25",
        "coin_days": 7.0,
    }
    csrf = site.get("/reports/settings").text.partition('name="csrf" value="')[2].partition('"')[0]
    changed = site.patch("/api/reports/settings", json={"currency": "USD"}, headers={"X-CSRF-Token": csrf})
    assert changed.json() == settled("USD")
    assert settings(site, currency="<b>").status_code == 303
    assert "<b>" not in site.get(f"/reports?{DAYS}").text.partition('id="report-coins"')[2].partition("Rigs that")[0]


@pytest.mark.skipif(not has_parquet(), reason="the extra [export] is not installed")
def test_the_same_tables_as_parquet(site: httpx.Client) -> None:
    for part in ("coins", "days", "rigs"):
        answer = site.get(f"/api/reports.parquet?part={part}&{DAYS}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/vnd.apache.parquet"
        found = importlib.import_module("arro3.io").read_parquet(io.BytesIO(answer.content)).read_all()
        rows = table(site, part)
        assert found.column_names == list(rows[0])
        assert found.num_rows == len(rows)
    assert f"/api/reports.parquet?{DAYS.replace('&', '&amp;')}&amp;part=days" in site.get(f"/reports?{DAYS}").text
    history = site.get("/api/history.parquet?from=2026-11-30T00:00:00Z&to=2026-12-01T00:00:00Z")
    assert history.content[:4] == history.content[-4:] == b"PAR1"
    assert "rigfarm-history-farm.parquet" in history.headers["content-disposition"]
    assert site.get("/api/history.parquet?rig=4711").status_code == 404


def csrf_of(site: httpx.Client) -> str:
    return site.get("/reports/settings").text.partition('name="csrf" value="')[2].partition('"')[0]


def test_figures_of_coins_by_api_and_on_the_page(site: httpx.Client) -> None:
    assert "No figures for coins yet" in site.get("/reports/coins").text
    headers = {"X-CSRF-Token": csrf_of(site)}
    assert settings(site, currency="EUR").status_code == 303
    made = site.post("/api/reports/coins/values", json={"coin": "KAS", "amount": 0.1125}, headers=headers)
    assert made.status_code == 201, made.text
    assert {"coin": "KAS", "what": "price", "amount": 0.1125, "currency": "EUR"}.items() <= made.json().items()
    typed = {"coin": "<KAS>", "what": "rate", "amount": "3,5e-2", "per": "GH/s", "day": "", "csrf": csrf_of(site)}
    assert site.post("/reports/coins/values", data=typed).status_code == 303
    wrong = site.post("/reports/coins/values", data=typed | {"amount": "cheap"})
    assert wrong.status_code == 422
    assert 'value="&lt;KAS&gt;"' in wrong.text, "what was typed is still there"
    page = site.get("/reports/coins").text
    assert "0.1125 EUR" in page
    assert "0.035 &lt;KAS&gt; a day for 1 GH/s" in page
    rate, price = site.get("/api/reports/coins/values").json()
    assert (rate["amount"], rate["per"], price["id"]) == (pytest.approx(0.035), "GH/s", made.json()["id"])
    for value in (rate, price):
        assert site.delete(f"/api/reports/coins/values/{value['id']}", headers=headers).status_code == 204
    assert site.get("/api/reports/coins/values").json() == []
    said = site.get("/api/activity?limit=20").text
    assert "add a coin" in said
    assert "remove a coin" in said


def test_a_source_is_added_asked_and_removed(site: httpx.Client) -> None:
    headers = {"X-CSRF-Token": csrf_of(site)}
    source = {"coin": "KAS", "url": "https://127.0.0.1:1/api?key=secret", "path": "kaspa.usd"}
    made = site.post("/api/reports/coins/sources", json=source, headers=headers)
    assert made.status_code == 201
    asked = site.post(f"/api/reports/coins/sources/{made.json()['id']}/fetch", headers=headers).json()
    assert "blocked" in asked["error"]
    assert (asked["host"], "tried_at" in asked) == ("127.0.0.1", True)
    page = site.get("/reports/coins").text
    assert "blocked" in page
    for text in (page, asked, site.get("/api/reports/coins/sources").text, site.get("/api/activity?limit=20").text):
        assert "secret" not in str(text)
    typed = {**source, "url": "ftp://x", "what": "price", "per": "TH/s", "csrf": csrf_of(site)}
    assert site.post("/reports/coins/sources", data=typed).status_code == 422
    ask = f"/reports/coins/sources/{asked['id']}/remove"
    assert "127.0.0.1 for KAS" in site.get(ask).text
    assert site.post(ask, data={"csrf": csrf_of(site)}).status_code == 303
    assert site.get("/api/reports/coins/sources").json() == []
    assert site.get(ask).status_code == 404


def test_a_report_on_a_schedule_by_api_and_on_the_page(site: httpx.Client) -> None:
    assert "No report is sent yet" in site.get("/reports/schedules").text
    assert "there are none yet" in site.get("/reports/schedules/new").text
    headers = {"X-CSRF-Token": csrf_of(site)}
    refused = site.post("/api/reports/schedules", json={"channel": 1}, headers=headers)
    assert refused.status_code == 422
    channel = site.post("/api/alert-channels", json={"name": "phone", "url": "json://127.0.0.1:9"}, headers=headers)
    assert channel.status_code == 201, channel.text
    number = channel.json()["id"]
    assert ">phone</option>" in site.get("/reports/schedules/new").text
    made = site.post("/api/reports/schedules", json={"channel": number, "filter": "tag:solar"}, headers=headers)
    assert made.status_code == 201, made.text
    assert "next_at" in made.json()
    one = f"/api/reports/schedules/{made.json()['id']}"
    changed = site.patch(one, json={"every": "month", "revision": 1}, headers=headers)
    assert (changed.json()["every"], changed.json()["filter"]) == ("month", "tag:solar")
    assert site.patch(one, json={"at": "08:00", "revision": 1}, headers=headers).status_code == 409
    page = site.get("/reports/schedules").text
    assert "on the first of the month, of the month before" in page
    assert "rigs that match tag:solar" in page
    edit = f"/reports/schedules/{made.json()['id']}"
    typed = {"every": "week", "at": "6:30", "channel": str(number), "filter": "", "on": "1", "csrf": csrf_of(site)}
    wrong = site.post(edit, data=typed | {"at": "noon"})
    assert wrong.status_code == 422
    assert 'value="noon"' in wrong.text
    assert site.post(edit, data=typed).status_code == 303
    assert "06:30" in site.get(f"{edit}/edit").text
    assert site.get("/api/reports/schedules/messages").json() == []
    said = site.get("/api/activity?limit=20").text
    for action in ("create", "change"):
        assert f"{action} report schedule" in said
    assert site.delete(one, headers=headers).status_code == 204
    assert site.get("/api/reports/schedules").json() == []
    assert site.get(f"{edit}/edit").status_code == 404


def test_hours_are_whole(site: httpx.Client) -> None:
    begins = site.get(f"/api/reports?{DAYS}").json()["ends"]
    assert begins == "2026-12-02T00:00:00Z"
    assert START % HOUR_MS == 0
