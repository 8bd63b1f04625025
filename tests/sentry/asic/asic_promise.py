"""The recording of `tests/faults`, for the promises of RELIABILITY.md that are shown here."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_PATH = Path(__file__).parents[2] / "faults" / "promise.py"
_spec = importlib.util.spec_from_file_location("asic_promise_of_faults", _PATH)
assert _spec is not None
assert _spec.loader is not None
_promise = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_promise)
record = _promise.record
scaled = _promise.scaled
