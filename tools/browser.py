"""Say before the tests whether the browser tests can run; in CI they must."""

from __future__ import annotations

import os
import shutil
import sys

if shutil.which("chromium") is None:
    if os.environ.get("CI"):
        sys.exit("chromium is missing, and CI never skips the browser tests: apt-get install chromium")
    print("chromium is not installed: the browser tests are skipped (apt-get install chromium)")
