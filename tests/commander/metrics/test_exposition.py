"""The text, whatever names there are; and that many readers share one rendering."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics_families
from prometheus_client.parser import text_string_to_metric_families

from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.metrics import actions
from rigfarm.commander.metrics.exposition.coins import MAX_FARM_COINS, Coins
from rigfarm.commander.metrics.exposition.rigs import MAX_DEVICES, add_coins
from rigfarm.commander.metrics.exposition.text import MAX_LABEL, Families, Labels, text_of
from rigfarm.commander.metrics.model import DETAILS, METRICS
from rigfarm.commander.metrics.view import CoinNow, LinkFigures
from rigfarm.commander.rigs import Rig
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.stats.contribution import MAX_COINS
from rigfarm.common.clock import utc_ms
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload

NAMES = st.text(alphabet=st.one_of(st.sampled_from('"\\\n{}=,# né\u202e\x00'), st.characters(codec="utf-8")))


@given(NAMES, NAMES)
def test_no_name_ends_a_label(coin: str, other: str) -> None:
    labels, families = Labels(), Families("rigs")
    said = {"rig": labels.clean(coin), "kind": labels.clean(other)}
    families["rigfarm_rig_up"].add(1, Labels.of(**said))
    families["rigfarm_rig_shares_accepted_total"].add(2, Labels.of(**said, coin="raw" + coin))
    for text, parse in ((False, text_string_to_metric_families), (True, open_metrics_families)):
        [up, shares] = parse(text_of(families.pieces(), open_metrics=text).decode())
        assert [(one.labels, one.value) for one in up.samples] == [(said, 1)]
        assert [(one.labels, one.value) for one in shares.samples] == [({**said, "coin": "raw" + coin}, 2)]
    assert all(len(one) <= MAX_LABEL and one.isprintable() for one in said.values())
    assert labels.changed == sum(one != clean for one, clean in {coin: said["rig"], other: said["kind"]}.items())


@given(st.floats())
def test_a_number_is_read_as_it_was_or_absent(value: float) -> None:
    families = Families("farm")
    families["rigfarm_power_watts"].add(value)
    families["rigfarm_power_watts"].add(None)
    found = [one.value for family in _parsed(families) for one in family.samples]
    assert found == ([value] if abs(value) < float("inf") else [])


def _parsed(families: Families) -> list:
    return list(text_string_to_metric_families(text_of(families.pieces(), open_metrics=False).decode()))


def test_more_coins_than_the_limit_are_others() -> None:
    totals = [CoinNow("asic", f"coin{number:04d}", 1.0, 1) for number in range(MAX_FARM_COINS + 100)]
    totals.append(CoinNow("cpu-gpu", "ZEC", 7.0, 50))
    families = Families("farm")
    add_coins(families, Coins(Labels(), totals, []), totals)
    [rates, *_] = [one for one in _parsed(families) if one.name == "rigfarm_hashrate_hashes_per_second"]
    found = {one.labels["coin"]: one.value for one in rates.samples}
    assert (found["ZEC"], found["other"], len(found)) == (7.0, 101.0, MAX_FARM_COINS + 1)
    [folded] = [one for one in _parsed(families) if one.name == "rigfarm_metrics_coins_folded"]
    assert folded.samples[0].value == 101


def _metrics(detail: str = "auto") -> actions.Metrics:
    stats = OperationalStats(Hub(), Events(), 10.0)
    stats.add(7, "cpu-gpu")
    stats.link_up(7)
    devices = Devices.from_rows([Device("gpu", number, power_w=100.0) for number in range(MAX_DEVICES + 3)])
    workloads = [Workload(coin=f"coin{number:02d}", accepted=number, hashrate=1.0) for number in range(32)]
    stats.receive(7, OperationalLog(utc_ms(), workloads=workloads, devices=devices))
    book = SimpleNamespace(rigs={7: Rig(7, "rig-07", "cpu-gpu", utc_ms(), place='hall "2"/rack 1')})
    health = SimpleNamespace(lag=lambda share: None, longest_gc_pause=lambda: 0.0, unexpected=0)
    aside = SimpleNamespace(kept=0, lost=0)
    journal = SimpleNamespace(committed=0, duplicates=0, set_aside=aside, waiting=(0, 0))
    history, alerts = SimpleNamespace(until_ms=None), SimpleNamespace(open=[])
    circuits = SimpleNamespace(circuits={})
    return actions.Metrics(
        book, stats, alerts, journal=journal, history=history, health=health, parts=[], circuits=circuits, detail=detail
    )  # fmt: skip


@pytest.fixture
def all_asked() -> threading.Event:
    """Nothing is rendered before."""
    return threading.Event()


@pytest.fixture
def renderings(monkeypatch: pytest.MonkeyPatch, all_asked: threading.Event) -> Counter[str]:
    """How often something was rendered; the first time fails."""
    count: Counter[str] = Counter()
    rendered = actions._rendered

    def counting(*arguments: object) -> object:
        count["rendered"] += 1
        if count["rendered"] == 1:
            raise OSError("no files left")
        all_asked.wait(60)
        return rendered(*arguments)

    monkeypatch.setattr(actions, "_rendered", counting)
    monkeypatch.setattr(actions, "KEPT_S", 0.0)
    return count


async def test_all_who_ask_at_once_share_one_rendering(renderings: Counter[str], all_asked: threading.Event) -> None:
    metrics, links = _metrics(), LinkFigures(3, 4)
    asked = [metrics.text(links, open_metrics=number % 2 == 0, packed=number % 3 == 0) for number in range(50)]
    failed = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(one) for one in failed} == {OSError}
    await asyncio.sleep(0.01)  # a failure is not kept for longer than a success

    impatient = asyncio.create_task(metrics.text(links))
    await asyncio.sleep(0)
    patient = [asyncio.create_task(metrics.text(links, open_metrics=number % 2 == 0)) for number in range(50)]
    await asyncio.sleep(0)
    all_asked.set()
    impatient.cancel()
    texts = await asyncio.gather(*patient)
    assert len(set(texts)) == 2
    assert all(b"rigfarm_links_open 3\n" in text for text in texts)
    assert renderings["rendered"] == 2
    await metrics.close()


@pytest.mark.parametrize("detail", DETAILS)
async def test_the_setting_decides_how_much_is_given(detail: str) -> None:
    metrics = _metrics(detail)
    families = list(text_string_to_metric_families((await metrics.text(LinkFigures(0, 0))).decode()))
    samples = {sample.name: family.samples for family in families for sample in family.samples}
    given = {METRICS[name].detail for name in samples}
    assert given == set(DETAILS[: DETAILS.index(detail) + 1])
    shares = {one.labels["coin"]: one.value for one in samples["rigfarm_running_shares_accepted"]}
    assert (len(shares), shares["coin07"], shares["other"]) == (MAX_COINS + 1, 7, sum(range(MAX_COINS, 32)))
    if detail != "farm":
        assert samples["rigfarm_rig_info"][0].labels["place"] == 'hall "2"/rack 1'
        assert len(samples["rigfarm_rig_hashrate_hashes_per_second"]) == MAX_COINS + 1
    if detail == "devices":
        assert len(samples["rigfarm_device_power_watts"]) == MAX_DEVICES
        assert samples["rigfarm_metrics_devices_left_out"][0].value == 3
    await metrics.close()


def test_no_name_is_longer_than_people_can_read() -> None:
    assert all(len(name) < 60 and metric.help.endswith(".") for name, metric in METRICS.items())
