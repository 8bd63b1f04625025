"""docs/adding-a-mining-program.md is true: its blocks, as they stand, add a program."""

from __future__ import annotations

import re
import types
from pathlib import Path

import pytest

from rigfarm.sentry.miners import adapters, interpret, read
from rigfarm.sentry.readings import WorkloadSource
from rigfarm.simulate.miners import FakeMiner, server

PAGE = (Path(__file__).parents[3] / "docs" / "adding-a-mining-program.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def acmeminer(tmp_path):
    """The adapter of the page, loaded as an operator's file."""
    (source,) = (block for block in blocks("python") if "ADAPTER" in block)
    path = tmp_path / "acmeminer.py"
    path.write_text(source)
    path.chmod(0o644)
    return adapters([tmp_path])["acmeminer"]


def test_its_test_passes_on_its_fixture(acmeminer):
    (fixture,) = blocks("json")
    (test,) = (block for block in blocks("python") if "def test_it_works" in block)
    names: dict[str, types.FunctionType] = {}
    exec(test, names)

    def recorded(name, case, **source):
        assert (name, case) == ("acmeminer", "healthy")
        return interpret({"page": fixture.encode()}, WorkloadSource(adapter=name, port=1, **source), acmeminer)

    names["test_it_works"](recorded)


async def test_its_fake_is_read_by_its_adapter(acmeminer, monkeypatch):
    (source,) = (block for block in blocks("python") if "PROGRAM" in block)
    module = types.ModuleType("acmeminer")
    exec(source, vars(module))
    monkeypatch.setattr(server, "programs", lambda: {"acmeminer": module.PROGRAM})

    async with FakeMiner("acmeminer") as fake:
        reading = await read(WorkloadSource(adapter="acmeminer", port=fake.port, coins=["ACM"]), acmeminer)

    (workload,) = reading.workloads
    assert (workload.state, workload.coin, workload.algorithm) == ("mining", "ACM", "acmehash")
    assert workload.hashrate == pytest.approx(50e6, rel=0.03)
    assert [device.id for device in reading.devices] == [f"0000:0{bus}:00.0" for bus in range(1, 5)]


def test_every_file_it_names_is_there():
    root = Path(__file__).parents[3]
    for name in re.findall(r"`((?:src|tests)/[\w/.]+?)/?`", PAGE):
        if "acmeminer" not in name:
            assert (root / name).exists(), name
    for name in re.findall(r"`(test_miner_\w+\.py|finish\.py|clean\.py)`", PAGE):
        assert list(root.glob(f"*/**/miners/{name}")) or "acmeminer" in name, name
