"""What the API and the CSV say of a history."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from history_helpers import START, Farm, a_log
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import AsyncTestClient

from rigfarm.commander.asked import OfRigs
from rigfarm.commander.history.actions import History
from rigfarm.commander.history.api import api_routes
from rigfarm.commander.history.model import DAY_MS, HOUR_MS, Keep
from rigfarm.commander.history.reading.ranges import MAX_POINTS, RESOLUTIONS, Floors, resolution_of, time_range
from rigfarm.commander.logs.store import open_reader
from rigfarm.commander.refusals import NotUnderstood
from rigfarm.commander.web.checked import check_address, know_questions
from rigfarm.commander.web.problems import problem_handlers
from rigfarm.wire.log import OperationalLog

HOSTILE = "=HYPERLINK(1)"


def a_rig_s_log(n: int) -> OperationalLog:
    """The n-th of a steady rig."""
    return a_log(START + n * 5_000, 1e6 + n, accepted=n, rejected=n // 100, core=[60.0 + n % 7])


class Site:
    """A farm's history behind its API."""

    def __init__(self, folder: Path) -> None:
        self.farm = Farm(folder)
        self.farm.arrive(
            [(7, a_rig_s_log(n)) for n in range(1440)],
            [(8, a_log(START + n * 5_000, 2e6, coin=HOSTILE)) for n in range(120)],
            [(9, a_log(START + n * 5_000, 5e6, power=None)) for n in range(1440)],
            at_ms=START + 2 * HOUR_MS,
        )
        self.farm.catch_up()
        self.history = History(
            folder / "history.db",
            lambda: open_reader(folder / "journal.db"),
            lambda: self.farm.rigs,
            interval_s=5.0,
            keep=Keep(),
        )
        self.client: Any = None

    async def get(self, query: str, status: int = 200) -> Any:
        answer = await self.client.get(f"/api/history{query}")
        assert answer.status_code == status, answer.text[:300]
        return answer.json() if "json" in answer.headers["content-type"] else answer.text


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path)
    app = Litestar(
        [api_routes],
        dependencies={
            "history": Provide(lambda: made.history, sync_to_thread=False),
            "of_rigs": Provide(OfRigs, sync_to_thread=False),
        },
        exception_handlers=problem_handlers(),
        before_request=check_address,
    )
    know_questions(app)
    async with AsyncTestClient(app) as client:
        made.client = client
        yield made
    await made.history.close()


def span(begin: int = 0, end: int = 2 * HOUR_MS) -> str:
    return f"from={START + begin}&to={START + end}"


def line(answer: Any, group: str, name: str) -> Any:
    return next(one for one in answer["lines"] if (one["group"], one["name"]) == (group, name))


async def test_a_rig_s_minutes(site: Site) -> None:
    answer = await site.get(f"?rig=7&{span()}&resolution=60")
    assert answer["t"] == [START + n * 60_000 for n in range(120)]
    rates = line(answer, "hashrate", "KAS")
    assert rates["values"][3] == pytest.approx(1e6 + 36 + 5.5, rel=2e-5)
    assert rates["min"][3] == pytest.approx(1e6 + 36, rel=2e-5)
    assert rates["max"][3] == pytest.approx(1e6 + 47, rel=2e-5)
    assert line(answer, "power", "rig")["values"] == pytest.approx([100.0] * 120)
    assert max(line(answer, "temperature", "GPU core")["max"]) == 66.0
    assert line(answer, "energy", "rig")["values"] == pytest.approx([100.0 / 60] * 120)
    assert sum(line(answer, "shares", "KAS accepted")["values"]) == 1439
    assert line(answer, "state", "online")["values"] == [60.0] * 120


async def test_coarser_points_say_the_same(site: Site) -> None:
    fine = await site.get(f"?rig=7&{span()}&resolution=60")
    for resolution in (120, 600, 3600):
        coarse = await site.get(f"?rig=7&{span()}&resolution={resolution}")
        rates, of = line(fine, "hashrate", "KAS"), resolution // 60
        found = line(coarse, "hashrate", "KAS")
        groups = [rates["values"][n : n + of] for n in range(0, 120, of)]
        assert found["values"] == pytest.approx([sum(one) / of for one in groups], rel=3e-5)
        assert found["max"] == [max(rates["max"][n : n + of]) for n in range(0, 120, of)]
        assert sum(line(coarse, "shares", "KAS accepted")["values"]) == 1439


async def test_a_short_range_of_a_rig_is_as_fine_as_its_logs(site: Site) -> None:
    minute = line(await site.get(f"?rig=7&{span()}&resolution=60"), "hashrate", "KAS")["values"]
    assert (await site.get(f"?rig=7&{span()}"))["resolution_s"] == 30, "two hours"
    assert (await site.get(f"?rig=7&{span(HOUR_MS)}"))["resolution_s"] == 10
    assert (await site.get(f"?rig=7&{span(0, HOUR_MS // 2)}"))["resolution_s"] == 5
    answer = await site.get(f"?rig=7&{span()}&resolution=5")
    assert answer["resolution_s"] == 5
    assert len(answer["t"]) == 1440
    rates = line(answer, "hashrate", "KAS")["values"]
    assert [sum(rates[n : n + 12]) / 12 for n in range(0, 1440, 12)] == pytest.approx(minute, rel=2e-5)
    assert sum(one or 0 for one in line(answer, "shares", "KAS accepted")["values"]) == 1439
    middle = await site.get(f"?rig=7&{span(HOUR_MS // 2, HOUR_MS)}&resolution=10")
    assert line(middle, "hashrate", "KAS")["values"][0] == pytest.approx((rates[360] + rates[361]) / 2, rel=2e-5)


async def test_what_is_not_kept_any_more_is_not_shown_as_nothing(site: Site) -> None:
    with site.farm.store.transaction():
        site.farm.store.set_note("raw_floor_ms", START + HOUR_MS)
        site.farm.store.set_note("minutes_floor_ms", START + HOUR_MS)
    await site.get(f"?rig=7&{span()}&resolution=10", 400)
    await site.get(f"?{span()}&resolution=60", 400)
    await site.get(f"?{span()}&resolution=10", 400)
    assert (await site.get(f"?rig=7&{span()}"))["resolution_s"] == 3600
    assert (await site.get(f"?rig=7&{span(HOUR_MS)}"))["resolution_s"] == 10


async def test_the_farm_is_the_sum_of_its_rigs(site: Site) -> None:
    answer = await site.get(f"?{span()}")
    both = line(answer, "hashrate", "KAS")["values"]
    assert both[3] == pytest.approx(6e6 + 41.5, rel=2e-5)
    assert line(answer, "power", "farm")["values"][3] == pytest.approx(200.0, rel=1e-3)
    assert line(answer, "rigs", "online")["values"][3] == 3.0
    assert line(answer, "rigs", "online")["values"][30] == 2.0
    assert line(answer, "energy", "farm")["values"][3] == pytest.approx(200.0 / 60, rel=1e-3)
    assert line(answer, "hashrate", HOSTILE)["values"][30] == 0.0
    # Only one of the two rigs that mine it knows its power.
    assert line(answer, "efficiency", "KAS")["values"][3] == pytest.approx(1e4, rel=1e-3)
    only = await site.get(f"?{span()}&coin=KAS&kind=asic")
    assert [one["name"] for one in only["lines"] if one["group"] == "hashrate"] == ["KAS"]
    assert line(only, "hashrate", "KAS")["values"][3] == pytest.approx(5e6, rel=2e-5)


async def test_a_farm_s_hours_have_the_least_and_the_most_of_their_minutes(site: Site) -> None:
    fine = line(await site.get(f"?{span()}&kind=cpu-gpu"), "hashrate", "KAS")["values"]
    coarse = line(await site.get(f"?{span()}&kind=cpu-gpu&resolution=3600"), "hashrate", "KAS")
    assert coarse["values"] == pytest.approx([sum(fine[:60]) / 60, sum(fine[60:]) / 60], rel=1e-6)
    assert coarse["min"] == pytest.approx([min(fine[:60]), min(fine[60:])], rel=1e-6)
    assert coarse["max"] == pytest.approx([max(fine[:60]), max(fine[60:])], rel=1e-6)


async def test_devices_by_themselves(site: Site) -> None:
    answer = await site.get(f"?rig=7&{span()}&detail=devices")
    assert line(answer, "device gpu0", "gpu0 core_c")["unit"] == "°C"


async def test_what_is_not_known_is_null(site: Site) -> None:
    answer = await site.get(f"?rig=8&{span()}&resolution=60")
    values = line(answer, "hashrate", HOSTILE)["values"]
    assert values[0] is not None
    # Silence after the last log is held for three intervals.
    assert values[10] is not None
    assert values[11:] == [None] * 109


async def test_no_point_is_made_of_what_has_not_come_yet(site: Site) -> None:
    answer = await site.get(f"?{span(0, DAY_MS)}")
    assert answer["t"][-1] < START + 2 * HOUR_MS


async def test_csv_says_the_same_and_has_no_formulas(site: Site) -> None:
    answer = await site.get(f"?{span()}")
    rows = list(csv.reader(io.StringIO(await site.get(f".csv?{span()}"))))
    assert rows[0][0] == "time"
    assert rows[1][0] == "2026-11-30T00:00:00Z"
    assert len(rows) == 121
    at = rows[0].index("hashrate KAS (H/s)")
    assert [float(row[at]) for row in rows[1:]] == line(answer, "hashrate", "KAS")["values"]
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


@pytest.mark.parametrize(
    "query",
    [
        "?from=yesterday",
        "?to=later",
        "?from=now&to=-1h",
        "?from=-99999y",
        "?resolution=61",
        "?resolution=fine",
        "?from=-9y&resolution=60",
        "?kind=fridge",
        "?detail=everything&rig=7",
        "?detail=devices",
        "?rig=7&coin=KAS",
        "?rig=seven",
        "?froom=-1h",
        "?from=2026-13-01T00:00:00Z",
    ],
)
async def test_what_means_nothing_is_refused(site: Site, query: str) -> None:
    await site.get(query, 400)
    await site.get(".csv" + query, 400)


async def test_a_rig_that_there_is_not(site: Site) -> None:
    await site.get("?rig=77", 404)


async def test_history_that_cannot_be_read(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.farm.close()
    (tmp_path / "history.db").write_bytes(b"x" * 100_000)
    with pytest.raises(Exception, match="cannot be read at the moment"):
        await site.history.of_farm(time_range("-1h", "now", START))
    await site.history.close()


def test_every_range_has_a_resolution_with_few_points() -> None:
    now = START
    for begin in ("-1m", "-1h", "-6h", "-24h", "-2d", "-7d", "-30d", "-90d", "-1y", "-2y"):
        asked = time_range(begin, "now", now)
        found = resolution_of(asked, None, Floors())
        assert (asked.to_ms - asked.from_ms) / 1000 / found <= MAX_POINTS
        assert resolution_of(asked, None, Floors(now)) >= 3_600
    assert tuple(sorted(RESOLUTIONS)) == RESOLUTIONS


def test_moments_are_read_in_several_ways() -> None:
    assert time_range("-90min", "now", START).from_ms == START - 90 * 60_000
    found = time_range("2026-11-29T00:00:00Z", "2026-11-30T01:00:00+01:00", START)
    assert (found.from_ms, found.to_ms) == (START - DAY_MS, START)
    assert time_range("2026-11-29", str(START), START).from_ms == START - DAY_MS
    for text in ("", "-", "-1", "1e12", "-1fortnight", "٣", "9" * 16):
        with pytest.raises(NotUnderstood):
            time_range(text, "now", START)
