"""One farm for the tests of metrics."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from rigfarm.simulate.commander import CommanderProcess
from support.until import until_now

sys.path.insert(0, str(Path(__file__).parent))

from metered_farm import Farm


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    settings = {"report_interval_s": "600", "metrics_detail": "devices"}
    with CommanderProcess(tmp_path_factory.mktemp("farm"), settings=settings, tls=True) as commander:
        farm = Farm(commander)
        try:
            yield farm
        finally:
            farm.close()


@pytest.fixture(scope="session")
def key(farm: Farm) -> str:
    return farm.key("metrics")


@pytest.fixture(scope="session")
def read(farm: Farm, key: str) -> Callable[..., httpx.Response]:
    """Ask for the metrics, once the rig whose link was closed is offline."""

    def ask_for(**headers: str) -> httpx.Response:
        with farm.browser as client:
            answer = client.get("/metrics", headers={"Authorization": f"Bearer {key}", **headers})
        assert answer.status_code == 200, answer.text
        return answer

    gone = 'rigfarm_rig_state{rig="gone",kind="cpu-gpu",state="offline"} 1\n'
    until_now(lambda: gone in ask_for().text, "the rig that hung up is offline")
    return ask_for


@pytest.fixture
def page() -> Path:
    return Path(__file__).parents[3] / "docs" / "metrics.md"
