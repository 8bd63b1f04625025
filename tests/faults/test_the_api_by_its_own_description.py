"""Row 29, the API: Schemathesis makes requests from the API's own description, valid and invalid ones, and none of them
is a mistake of ours. On both databases.

The control is a check of names that expects one word at least.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from databases import DATABASES, database
from promise import FULL, record, scaled

from rigfarm.simulate.commander import CommanderProcess

NO_EMPTY_NAME = """
from rigfarm.commander import names
names.clean_name = lambda text, *_: text.split()[0]
"""
EXAMPLES = scaled(2, 200)
"""Per operation."""
PHASES = "coverage,fuzzing,stateful" if FULL else "fuzzing"
NOT_ASKED = "/fetch$|^/api/stream$"
"""What leaves the machine, and what has no end."""


def found(commander: CommanderProcess, folder: Path, *more: str) -> dict[str, Any]:
    """Schemathesis' report."""
    report = folder / "report.json"
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{commander.url}/api/schema/openapi.json",
        "--header", f"Authorization: Bearer {commander.key}", "--checks", "not_a_server_error", "--seed", "29",
        "--warnings", "off", "--report", "json", "--report-json-path", str(report), *more,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert report.exists(), done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(report.read_text())
    assert answer["test_cases"]["errored"] == 0, done.stdout
    return answer


@pytest.mark.timeout(3600 if FULL else 240)
@pytest.mark.parametrize("kind", DATABASES)
def test_no_request_that_can_be_described_is_a_mistake_of_ours(tmp_path: Path, kind: str) -> None:
    with database(kind) as settings, CommanderProcess(tmp_path / "commander", settings=settings) as commander:
        commander.add_rigs(["rig-1", "rig-2"])
        operations = ["--phases", PHASES, "--max-examples", str(EXAMPLES), "--exclude-path-regex", NOT_ASKED]
        report = found(commander, tmp_path, *operations)
        log = commander.log.read_text()
    with CommanderProcess(tmp_path / "control", mutation=NO_EMPTY_NAME) as commander:
        control = found(
            commander, tmp_path, "--phases", "fuzzing", "--max-examples", "20", "--include-path", "/api/rigs"
        )
    record(
        29,
        f"a request made from the API's own description is answered with a 5xx ({kind})",
        n=report["test_cases"]["generated"],
        bad=report["test_cases"]["with_failures"],
        unit="requests",
        control="the check of names expects one word at least",
        control_bad=f"{control['test_cases']['with_failures']} of {control['test_cases']['generated']} were",
    )
    assert report["failures"] == []
    assert report["operations"]["tested"] == report["operations"]["selected"] > 40
    assert "Traceback" not in log
    assert control["failures"]
