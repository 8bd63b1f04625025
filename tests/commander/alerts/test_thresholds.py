"""One struct says the farm's marks: colours of pages, states of rigs and rules follow it, over restarts too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.view.strip import strip
from rigfarm.commander.stats.marks import MARKS, Thresholds
from rigfarm.commander.storage import Storage
from rigfarm.wire.log import Device
from support.alerts import AlertFarm, a_rig


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    MARKS.use(Thresholds())


async def test_colours_states_and_rules_follow(storage: Storage) -> None:
    farm = await AlertFarm(storage).load()
    farm.farm.marks = MARKS
    await farm.new_rigs(1)

    def warm() -> list[str]:
        rig = a_rig(devices=[Device("gpu", 0, core_c=70.0)])
        farm.put(rig)
        return [rig.condition.state, str(strip(rig.log)).partition('"')[2].partition('"')[0]]

    assert warm() == ["online", "dev"]
    await farm.rule_book.set_thresholds(replace(Thresholds(), gpu_warn=60.0, gpu_bad=68.0))
    assert warm() == ["degraded", "dev bad"]
    await farm.later(130.0)
    assert [alert.text for alert in farm.alerts.open] == ["GPU 0 at 70 °C"]
    MARKS.use(Thresholds())
    await AlertFarm(storage).load()
    assert MARKS.thresholds.gpu_bad == 68.0
    rule = next(one for one in farm.rule_book.rules.values() if one.kind == "temperature")
    assert rule.updated_ms > 0


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"gpu_warn": 90.0}, "gpu_bad"), ({"cpu_bad": 500.0}, "cpu_bad"), ({"rejects_warn": 0.0}, "rejects_warn")],
)
async def test_marks_that_cannot_be_are_refused(storage: Storage, wrong: dict[str, float], field: str) -> None:
    farm = await AlertFarm(storage).load()
    with pytest.raises(Invalid) as refused:
        await farm.rule_book.set_thresholds(replace(Thresholds(), **wrong))
    assert list(refused.value.fields) == [field]
    assert MARKS.thresholds == Thresholds()
