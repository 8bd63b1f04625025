"""GET /metrics of a real Commander with rigs of every sort."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from metered_farm import HOSTILE, LOGS, Farm
from prometheus_client.metrics_core import Metric as Parsed
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics_families
from prometheus_client.parser import text_string_to_metric_families

from rigfarm.commander.metrics.exposition.table import with_table
from rigfarm.commander.metrics.model import METRICS, MOST_RIGS, detail_of
from rigfarm.commander.stats.condition import STATES

Read = Callable[..., httpx.Response]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"


def _samples(families: list[Parsed]) -> Samples:
    found = [((one.name, frozenset(one.labels.items())), one.value) for family in families for one in family.samples]
    assert len(found) == len(dict(found)), "no sample is there twice"
    return dict(found)


@pytest.fixture(scope="module")
def samples(read: Read) -> Samples:
    return _samples(list(text_string_to_metric_families(read().text)))


def _of(samples: Samples, name: str, **labels: str) -> list[float]:
    return [value for (one, has), value in samples.items() if one == name and labels.items() <= dict(has).items()]


def test_only_a_key_with_the_scope_or_with_read_opens_it(farm: Farm, key: str) -> None:
    expected = {key: 200, farm.key("read"): 200, farm.key("operate", "access"): 403, "rk_wrong": 401}
    with farm.browser as client:
        for one, status in expected.items():
            answer = client.get("/metrics", headers={"Authorization": f"Bearer {one}"})
            assert answer.status_code == status, answer.text
        assert client.get("/metrics").status_code == 401
        refused = client.get("/api/rigs", headers={"Authorization": f"Bearer {key}"})
        assert (refused.status_code, "This key can only metrics" in refused.text) == (403, True)


def test_both_formats_say_the_same(read: Read) -> None:
    plain, opened = read(), read(Accept=ACCEPT)
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert opened.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert plain.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in read(**{"Accept-Encoding": "identity"}).headers
    one = _samples(list(text_string_to_metric_families(plain.text)))
    other = _samples(list(open_metrics_families(opened.text)))
    assert one.keys() == other.keys()
    assert {key: value for key, value in one.items() if key[0].startswith("rigfarm_rig")} == {
        key: value for key, value in other.items() if key[0].startswith("rigfarm_rig")
    }


def test_every_metric_of_the_table_is_given_and_no_other(read: Read) -> None:
    families = list(text_string_to_metric_families(read().text))
    given = {sample.name: family for family in families for sample in family.samples}
    history = {"rigfarm_history_until_timestamp_seconds"}  # some seconds after the start
    assert given.keys() | history == METRICS.keys()
    for family in families:
        for sample in family.samples:
            metric = METRICS[sample.name]
            assert (set(sample.labels), family.type) == (set(metric.labels), metric.type), sample.name
            assert family.documentation == metric.help


def test_what_is_unknown_is_absent(samples: Samples) -> None:
    assert _of(samples, "rigfarm_rig_power_watts", rig="full") == [641.0]
    for rig in ('a "quoted" \\ name', "hostile", "idle"):
        assert _of(samples, "rigfarm_rig_up", rig=rig) == [1]
        assert _of(samples, "rigfarm_rig_power_watts", rig=rig) == []
    assert _of(samples, "rigfarm_power_known_rigs", kind="cpu-gpu") == [1]
    assert _of(samples, "rigfarm_power_watts", kind="cpu-gpu") == [641.0]
    assert _of(samples, "rigfarm_rig_uptime_seconds", rig="hostile") == []
    assert _of(samples, "rigfarm_rig_shares_accepted_total", rig="hostile") == [3]
    assert _of(samples, "rigfarm_rig_shares_rejected_total", rig="hostile") == [7]
    assert _of(samples, "rigfarm_rig_hashrate_hashes_per_second", rig="idle") == []


def test_a_rig_that_is_away_has_no_old_numbers(samples: Samples) -> None:
    known = {"info", "up", "state", "attention", "maintenance", "last_seen_timestamp_seconds"}
    for rig, more in (("gone", known), ("waiting", known - {"last_seen_timestamp_seconds"})):
        names = {name for name, labels in samples if dict(labels).get("rig") == rig}
        assert names == {f"rigfarm_rig_{one}" for one in more}
        assert _of(samples, "rigfarm_rig_up", rig=rig) == [0]


def test_impossible_values_of_devices_are_absent(samples: Samples) -> None:
    device = {"rig": "hostile", "device": "GPU 0"}
    assert _of(samples, "rigfarm_device_temperature_celsius", **device) == [71.0]
    assert _of(samples, "rigfarm_device_hashrate_hashes_per_second", **device) == []
    assert _of(samples, "rigfarm_device_power_watts", rig="hostile") == []
    assert _of(samples, "rigfarm_device_fan_ratio", rig="hostile") == []
    assert _of(samples, "rigfarm_device_missing", rig="hostile", device="GPU 1") == [1]
    assert _of(samples, "rigfarm_metrics_devices_left_out") == [1]


def test_values_are_in_base_units(samples: Samples) -> None:
    device = {"rig": "full", "device": "GPU 1"}
    assert _of(samples, "rigfarm_device_fan_ratio", **device) == [1.0]
    assert _of(samples, "rigfarm_rig_device_fan_max_ratio", rig="full") == [1.0]
    assert _of(samples, "rigfarm_device_core_clock_hertz", **device) == [1440e6]
    assert _of(samples, "rigfarm_rig_temperature_max_celsius", rig="full", sensor="chip") == [75.0]
    assert len(_of(samples, "rigfarm_rig_fan_rpm", rig="asic")) == 4
    assert _of(samples, "rigfarm_device_chips", rig="asic") == [76, 76, 76]


def test_sums_of_the_farm_are_those_of_its_rigs(samples: Samples) -> None:
    for kind, coin in (("cpu-gpu", "KAS"), ("asic", "BTC")):
        labels = {"kind": kind, "coin": coin}
        for of_farm, of_rigs in (
            ("rigfarm_hashrate_hashes_per_second", "rigfarm_rig_hashrate_hashes_per_second"),
            ("rigfarm_running_shares_accepted", "rigfarm_rig_shares_accepted_total"),
        ):
            assert _of(samples, of_farm, **labels) == [pytest.approx(sum(_of(samples, of_rigs, **labels)))]
    states = {state: sum(_of(samples, "rigfarm_rigs", state=state)) for state in STATES}
    assert states == {"online": 3, "degraded": 1, "idle": 1, "stopped": 0, "offline": 1, "waiting": 1}
    assert _of(samples, "rigfarm_links_open") == [len(LOGS) - 2 + 1]
    assert _of(samples, "rigfarm_logs_stored_total") == [len(LOGS)]


def test_what_rigs_say_is_text_in_labels(samples: Samples) -> None:
    coins = {dict(labels)["coin"] for name, labels in samples if name == "rigfarm_rig_hashrate_hashes_per_second"}
    shown = HOSTILE[:64].replace("\n", "?").replace("\u202e", "?")
    assert coins == {"KAS", "BTC", shown}
    models = {dict(labels)["model"] for name, labels in samples if name == "rigfarm_device_info"}
    assert models == {"Example 3080", "", shown}
    assert _of(samples, "rigfarm_metrics_labels_changed") == [2]


def test_a_large_farm_has_sums_only_unless_asked() -> None:
    assert [detail_of("auto", rigs) for rigs in (0, MOST_RIGS, MOST_RIGS + 1)] == ["rigs", "rigs", "farm"]
    assert detail_of("devices", MOST_RIGS + 1) == "devices"


def test_the_documentation_has_the_same_table(page: Path) -> None:
    text = page.read_text()
    assert text == with_table(text), "run: python -m rigfarm.commander.metrics.exposition.table docs/metrics.md"
