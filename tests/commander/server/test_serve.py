"""How the Commander's process serves."""

from __future__ import annotations

from pathlib import Path

import psutil

from rigfarm.simulate.commander import CommanderProcess

FEW = (
    "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))"
)


def test_it_takes_as_many_connections_as_the_system_allows(tmp_path: Path) -> None:
    with CommanderProcess(tmp_path, mutation=FEW) as commander:
        soft, hard = psutil.Process(commander.pid).rlimit(psutil.RLIMIT_NOFILE)
        assert soft == hard > 256
