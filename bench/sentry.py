"""What a Sentry costs the rig it runs on. Must hold: ≤ 45 MB of memory, ≤ 0.5 % of a core.

The real program as it is started on a rig, its own page on, reporting every 5 s: this machine's sensors, and two
mining programs over their real protocols (a CPU miner, and one with six cards).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.report import Figure, report, resident_bytes
from rigfarm.simulate.commander import CommanderProcess, free_port

WARM_S = 12.0
SECONDS = 20.0
MINERS: tuple[tuple[str, str, tuple[str, ...]], ...] = (("xmrig", "XMR", ()), ("trex", "RVN", ("--gpus", "6")))

AS_ON_A_RIG = "import sys; sys.modules['rich'] = None; from rigfarm.cli import main; main(prog_name='rigfarm')"
"""What requirements/sentry.txt does not install must not be found: structlog takes rich where it is, 5 MB of it."""


@contextlib.contextmanager
def _process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _rig(folder: Path, commander: CommanderProcess, token: str) -> Iterator[int]:
    """The pid of a Sentry that has joined and reads the mining programs."""
    where = ["--data-dir", str(folder)]
    subprocess.run(
        [sys.executable, "-m", "rigfarm.cli", "sentry", "join", commander.url, "--insecure-http", *where],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "RIGFARM_TOKEN": token},
    )
    settings = folder / "sentry.toml"
    lines = [settings.read_text() if settings.exists() else "", f'ui = "127.0.0.1:{free_port()}"']
    with contextlib.ExitStack() as stack:
        for program, coin, options in MINERS:
            port = free_port()
            stack.enter_context(_process("-m", "rigfarm.simulate.miners", program, "--port", str(port), *options))
            lines.append(f'[[workloads]]\nadapter = "{program}"\nport = {port}\ncoin = "{coin}"')
        settings.write_text("\n".join(lines) + "\n")
        sentry = stack.enter_context(_process("-c", AS_ON_A_RIG, "sentry", "run", *where))
        yield sentry.pid


def _run_time(pid: int) -> float:
    """s of CPU time so far, to the nanosecond, of all threads."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def main() -> None:
    """Measure and report."""
    with (
        tempfile.TemporaryDirectory() as folder,
        CommanderProcess(Path(folder) / "commander") as commander,
    ):
        home = Path(folder) / "sentry"
        home.mkdir(mode=0o700)
        ((rig_id, token),) = commander.add_rigs(["bench"])
        with _rig(home, commander, token) as pid:
            time.sleep(WARM_S)
            before, started = _run_time(pid), time.perf_counter()
            time.sleep(SECONDS)
            share = (_run_time(pid) - before) / (time.perf_counter() - started)
            memory, fds = resident_bytes(pid), len(os.listdir(f"/proc/{pid}/fd"))
            rig = commander.api("GET", f"/api/rigs/{rig_id}")
    assert isinstance(rig, dict)
    report(
        Figure(
            "a Sentry on a rig with two mining programs, a log every 5 s",
            f"{memory / 1e6:.1f} MB, {share:.2%} of a core",
            target="≤ 45 MB, ≤ 0.5 %",
            notes=f"{fds} fds; the rig is {rig['state']} with {len(rig['log']['workloads'])} workloads and "
            f"{len(rig['log']['devices'])} devices",
        )
    )


if __name__ == "__main__":
    main()
