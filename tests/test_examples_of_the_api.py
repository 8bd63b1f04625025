"""The examples of docs/api.md work as they are written, with a real Commander."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigfarm.simulate.commander import CommanderProcess

PAGE = Path(__file__).resolve().parents[1] / "docs" / "api.md"
EXAMPLES = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
STREAMS = [one for one in EXAMPLES if "/api/stream" in one]


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("commander")) as commander:
        commander.add_rigs([f"rig-{number}" for number in range(1, 9)])
        yield commander


def _environment(commander: CommanderProcess) -> dict[str, str]:
    return {**os.environ, "URL": commander.url, "KEY": commander.key}


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one not in STREAMS])
def test_an_example_works(commander: CommanderProcess, example: str) -> None:
    ran = subprocess.run(
        ["bash", "-euc", example], env=_environment(commander), capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("example", STREAMS)
def test_an_example_of_the_stream_works(commander: CommanderProcess, example: str) -> None:
    with subprocess.Popen(
        ["bash", "-euc", f"exec {example}"], env=_environment(commander), stdout=subprocess.PIPE, text=True
    ) as ran:
        assert ran.stdout is not None
        said = ""
        for line in ran.stdout:
            said += line
            if "event: ready" in said:
                break
        ran.kill()
    assert "event: ready" in said


def test_every_event_is_explained() -> None:
    source = Path(__file__).resolve().parents[1] / "src" / "rigfarm" / "commander" / "stream"
    sent = {
        name for path in source.glob("*.py") for name in re.findall(r'(?:event|_gone)\("([a-z-]+)"', path.read_text())
    }
    assert sent == set(re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(), re.MULTILINE))
