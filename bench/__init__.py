"""One script per figure we publish. `python -m bench` runs them all; `python -m bench ingest` one."""

import sys
from pathlib import Path

# Load and whole rigs are put together by what tests share.
sys.path.append(str(Path(__file__).parent.parent / "tests"))
