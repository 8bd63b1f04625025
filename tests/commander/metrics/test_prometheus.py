"""A real Prometheus reads a real Commander over https, and the dashboard's queries find what they ask for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from metered_farm import Farm

from rigfarm.commander.metrics.model import METRICS
from rigfarm.simulate.commander import free_port
from support.until import until_now

ROOT = Path(__file__).parents[3]
DASHBOARD = ROOT / "integrations" / "grafana" / "rigfarm.json"
NAME = re.compile(r"\b(?:rigfarm|process)_\w+")
VARIABLES = {"$instance": ".*", "$kind": ".*", "$rig": ".*", "$__rate_interval": "1m"}
SETTLE = {"rigfarm_history_until_timestamp_seconds"}
"""Known only after the history's first round."""


def _panels(of: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in of.get("panels", []):
        yield panel
        yield from _panels(panel)


def _queries() -> list[str]:
    dashboard = json.loads(DASHBOARD.read_text())
    found = [target["expr"] for panel in _panels(dashboard) for target in panel.get("targets", [])]
    lists = [one["definition"] for one in dashboard["templating"]["list"] if "definition" in one]
    return [*found, *(re.sub(r"label_values\((.*), \w+\)", r"\1", one) for one in lists)]


def test_the_dashboard_asks_for_metrics_that_there_are(read: Callable[..., httpx.Response]) -> None:
    queries = _queries()
    assert len(queries) > 30
    asked = {name for query in queries for name in NAME.findall(query)}
    given = set(re.findall(r"^(\w+)[ {]", read().text, re.MULTILINE)) | SETTLE
    assert asked <= given & METRICS.keys()
    ids = [panel["id"] for panel in _panels(json.loads(DASHBOARD.read_text()))]
    assert len(ids) == len(set(ids))


@pytest.fixture(scope="module")
def program() -> str:
    found = shutil.which("prometheus")
    if found is None:
        pytest.skip("prometheus is not installed (apt-get install prometheus)")
    return found


@pytest.fixture(scope="module")
def prometheus(
    program: str, farm: Farm, key: str, read: Callable[..., httpx.Response], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """Its API, once it has read the farm three times, asked about that moment: a later reading may have come too late
    on a slow machine. It is configured as docs/metrics.md says."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    (folder / "rigfarm.key").write_text(key)
    page = (ROOT / "docs" / "metrics.md").read_text()
    example = re.search(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert example is not None
    settings = example[1]
    for documented, here in {
        "/etc/prometheus/rigfarm.key": str(folder / "rigfarm.key"),
        "/etc/prometheus/rigfarm.pem": str(farm.commander.folder / "tls" / "certificate.pem"),
        "farm.example:7070": f"127.0.0.1:{farm.commander.port}",
        "scrape_interval: 15s": "scrape_interval: 1s",
    }.items():
        assert documented in settings
        settings = settings.replace(documented, here)
    (folder / "prometheus.yml").write_text(settings)
    words = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", "--log.level=warn"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, *words, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            until_now(
                lambda: process.poll() is not None or _has_read(client), lambda: (folder / "log").read_text()[-4000:]
            )
            assert process.poll() is None, (folder / "log").read_text()
            assert client.params
            yield client
    finally:
        process.kill()
        process.wait()


def _ask(prometheus: httpx.Client, query: str) -> list[dict[str, Any]]:
    answer = prometheus.get("/api/v1/query", params={"query": query})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def _has_read(prometheus: httpx.Client) -> bool:
    try:
        read = 'timestamp(up{job="rigfarm"} == 1) and sum_over_time(up{job="rigfarm"}[1m]) >= 3'
        for one in _ask(prometheus, read):
            prometheus.params = {"time": one["value"][1]}
            return True
    except (httpx.TransportError, AssertionError):  # it starts
        pass
    return False


def test_prometheus_reads_the_farm(prometheus: httpx.Client) -> None:
    [power] = _ask(prometheus, 'rigfarm_rig_power_watts{rig="full"}')
    assert (power["value"][1], power["metric"]["job"]) == ("641", "rigfarm")
    assert _ask(prometheus, 'rigfarm_rig_power_watts{rig="gone"}') == []
    [quoted] = _ask(prometheus, r'rigfarm_rig_up{rig="a \"quoted\" \\ name"}')
    assert quoted["value"][1] == "1"
    assert _ask(prometheus, "scrape_samples_scraped - scrape_samples_post_metric_relabeling")[0]["value"][1] == "0"


def test_every_query_of_the_dashboard_finds_something(prometheus: httpx.Client) -> None:
    for query in _queries():
        for variable, value in VARIABLES.items():
            query = query.replace(variable, value)
        found = _ask(prometheus, query)
        assert found or SETTLE & set(NAME.findall(query)), query


def test_prometheus_own_check_has_no_complaint(program: str, read: Callable[..., httpx.Response]) -> None:
    checker = shutil.which("promtool", path=str(Path(program).parent)) or pytest.skip("promtool is not installed")
    checked = subprocess.run([checker, "check", "metrics"], input=read().content, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
