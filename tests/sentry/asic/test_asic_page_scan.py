"""A scan on the Sentry's page: its progress, what it found, and the enrolment of a selection in one go."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_of_asics import looking
from test_asic_enrol import KEY, toy_commander

from rigfarm.sentry.asic.csv_import import Entry
from rigfarm.sentry.asic.model import Identity
from rigfarm.sentry.asic.pages import scan_card
from rigfarm.sentry.asic.pages.scan_card import names_for
from rigfarm.sentry.asic.scan import Find
from rigfarm.sentry.identity.settings import Settings, load_settings
from rigfarm.simulate.asic import FakeAsic, Fault
from rigfarm.wire.tokens import new_token
from support.asic_trial import farm_of
from support.until import until


async def test_found_chosen_enrolled(settings: Settings) -> None:
    with toy_commander() as commander:
        async with farm_of("luxos", "whatsminer", "bitaxe", steady=False) as farm, looking(settings) as looker:
            first, second, third = farm.devices
            await looker.service.add(Entry(third, "known", new_token()))
            await looker.state(1, "reading")
            await looker.scanned(",".join(farm.devices))
            text = await looker.text()
            assert "3 addresses" in text
            assert "3 ASICs found, 2 of them new" in text
            rows = {key: html for key, _, html in await looker.rows("finds")}
            assert list(rows) == [first, second, third], "those to enrol first"
            assert "Antminer S19KPro" in rows[first]
            assert f'name="pick-{first}" aria-label="Enrol {first}" checked' in rows[first]
            assert "in the list as known" in rows[third]
            assert "checkbox" not in rows[third]
            answer = await looker.pick(
                "/asics/enrol", [first, second], names="rack-{n}", key=KEY, commander=commander.url
            )
            assert (answer.status_code, answer.headers["Location"]) == (303, "/asics"), answer.text
            assert [rig["name"] for rig in commander.rigs] == ["rack-01", "rack-02"]
            await until(lambda: [view.state for view in looker.service.devices()] == ["reading"] * 3)
            assert load_settings(settings.data_dir, {}).commander == commander.url, "the address was found good"
            assert "in the list as rack-01" in (await looker.rows("finds"))[0][2]
            assert KEY not in "".join(path.read_text(errors="replace") for path in files(settings.data_dir))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_refusal_keeps_what_was_typed_and_ticked(settings: Settings) -> None:
    with toy_commander() as commander:
        async with farm_of("luxos", "bitaxe", steady=False) as farm, looking(settings) as looker:
            first, second = farm.devices
            await looker.scanned(",".join(farm.devices))
            typed = {"names": "rack-{n}", "key": "re_wrong", "commander": commander.url}
            answer = await looker.pick("/asics/enrol", [second], **typed)
            assert answer.status_code == 422
            assert "refuses this enrolment key" in answer.text.partition('id="wrong-key"')[2]
            assert 'value="rack-{n}"' in answer.text
            assert 'value="re_wrong"' in answer.text
            assert f'value="{commander.url}"' in answer.text
            assert f'name="pick-{second}" aria-label="Enrol {second}" checked' in answer.text
            assert f'name="pick-{first}" aria-label="Enrol {first}">' in answer.text
            marks = {key: mark for key, mark, _ in await looker.rows("finds")}
            assert f'data-key="{first}" data-mark="{marks[first]}"' in answer.text, "the script leaves the boxes alone"
            for fields, why in (
                ({"key": KEY, "commander": "ftp://x"}, "begins with https://"),
                ({"key": "", "commander": commander.url}, "Enter an enrolment key"),
                ({"key": KEY, "commander": "http://127.0.0.1:1"}, "did not answer"),
                ({"key": KEY, "commander": commander.url, "names": "all the same"}, "cannot both be called"),
            ):
                answer = await looker.pick("/asics/enrol", [first, second], **{**typed, **fields})
                assert why in answer.text
            nobody = await looker.pick("/asics/enrol", [], **{**typed, "key": KEY})
            assert "Choose at least one" in nobody.text
            assert looker.service.devices() == []
            assert load_settings(settings.data_dir, {}).commander is None


async def test_one_that_is_listed_with_an_invalid_token_gets_a_new_one(settings: Settings) -> None:
    with toy_commander() as commander:
        async with farm_of("luxos", steady=False) as farm, looking(settings) as looker:
            (ip,) = farm.devices
            await looker.service.add(Entry(ip, "rack 1"))
            await looker.state(1, "reading")
            await looker.scanned(ip)
            ((_, _, html),) = await looker.rows("finds")
            assert "in the list as rack 1, without a token" in html
            await looker.pick("/asics/enrol", [ip], names="{ip}", key=KEY, commander=commander.url)
            assert commander.rigs[0]["name"] == "rack 1", "its own name, not the pattern's"
            assert looker.service.roster[1].device.token is not None


async def test_one_listed_as_another_is_not_enrolled_by_mistake(settings: Settings) -> None:
    """Nothing is made in the Commander that could not be added here."""
    with toy_commander() as commander:
        async with farm_of("luxos", "luxos", steady=False) as farm, looking(settings) as looker:
            first, second = farm.devices
            await looker.service.add(Entry(first, "rack 1"))
            await looker.state(1, "reading")
            await farm.swap(first, second)
            farm.unplug(second)
            await looker.state(1, "id-mismatch")
            await looker.scanned(first)
            answer = await looker.pick("/asics/enrol", [first], names="{ip}", key=KEY, commander=commander.url)
            assert "listed as rack 1, but another device answers there" in answer.text
            assert commander.rigs == []


async def test_progress_and_cancelling(settings: Settings) -> None:
    async with farm_of(FakeAsic("luxos", fault=Fault.SILENT)) as farm, looking(settings) as looker:
        (ip,) = farm.devices
        network = f"{ip.rpartition('.')[0]}.1-60"
        assert (await looker.post("/asics/scan", range=network)).status_code == 303
        await until(lambda: looker.service.scan and looker.service.scan.done == 59)
        live = await looker.live()
        assert live["again_s"] == 1.0, "closer looks while it runs"
        rows = await looker.rows("scan")
        assert [key for key, _, _ in rows] == ["progress", "cancel"]
        assert '<progress max="60" value="59">' in rows[0][2]
        assert "59 of 60 addresses" in rows[0][2]
        again = await looker.post("/asics/scan", range=network)
        assert "already running" in again.text
        assert (await looker.post("/asics/scan/cancel")).status_code == 303
        rows = await looker.rows("scan")
        assert [key for key, _, _ in rows] == ["progress"]
        assert "Cancelled" in rows[0][2]


async def test_a_range_that_cannot_be(settings: Settings) -> None:
    async with looking(settings) as looker:
        for text, why in (
            ("8.8.8.0/24", "only private addresses"),
            ("10.0.0.0/8", "at most"),
            ("<b>", "is not a range"),
        ):
            answer = await looker.post("/asics/scan", range=text)
            assert answer.status_code == 422
            assert why in answer.text
        assert 'value="&lt;b&gt;"' in answer.text
        assert looker.service.scan is None


@pytest.mark.parametrize(
    ("own", "offered"), [("192.168.7.20", "192.168.7.0/24"), ("192.0.2.7", ""), (None, ""), ("fe80::1", "")]
)
def test_the_own_network_is_offered(monkeypatch: pytest.MonkeyPatch, own: str | None, offered: str) -> None:
    monkeypatch.setattr(scan_card, "lan_ip", lambda: own)
    assert scan_card._own_network() == offered


def test_names_from_a_pattern() -> None:
    finds = [(Find(f"10.0.0.{n}", model="S19", identity=Identity(mac="02:00:00:00:00:0a")), None) for n in range(1, 13)]
    assert list(names_for("a-{n}", finds).values())[::11] == ["a-01", "a-12"]
    assert names_for(" ", finds)["10.0.0.3"] == "10.0.0.3"
    assert names_for("{model} {mac} {ip}", finds)["10.0.0.3"] == "S19 02000000000a 10.0.0.3"
    assert len(names_for("x" * 99, finds)["10.0.0.3"]) == 64
    assert names_for("{} {0} {ip.__class__}", finds)["10.0.0.3"] == "{} {0} {ip.__class__}"
