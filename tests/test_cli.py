"""The command line of both sides."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
def test_it_starts_where_no_core_may_be_dumped() -> None:
    """As under our own service: LimitCORE=0, and no right to raise it."""
    code = (
        "import os, resource, sys\n"
        "from rigfarm.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        "os.setresuid(65534, 65534, 65534)\n"
        "sys.argv[1:] = ['bench']\n"  # of the source only: it ends there
        "os.chdir('/')\n"
        "main()\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "run this in a checkout" in run.stderr, run.stderr
