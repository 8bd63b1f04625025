"""A fake as a process, as playbooks and the demo start it."""

from __future__ import annotations

import asyncio
import re
import signal
import sys

import pytest

from rigfarm.sentry.miners import adapters, read
from rigfarm.sentry.readings import WorkloadSource


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "rigfarm.simulate.miners", *arguments, stdout=asyncio.subprocess.PIPE
    )


async def line_with(process: asyncio.subprocess.Process, text: str) -> str:
    assert process.stdout
    while line := (await asyncio.wait_for(process.stdout.readline(), 30)).decode():
        if text in line:
            return line
    raise AssertionError(f"no line with {text!r}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_prints_and_ends_when_told(number):
    arguments = ["--mine", "etchash:ETC:60e6", "--mine", "kaspa:KAS:400e6", "--gpus", "2", "--dead", "1"]
    process = await start("gminer", *arguments, "--warmup", "0", "--started-ago", "600", "--report-every", "0.05")
    try:
        port = int(re.search(r":(\d+)$", (await line_with(process, "API listens")).strip())[1])
        await line_with(process, "etchash: ")
        source = WorkloadSource(adapter="gminer", port=port, coins=["ETC", "KAS"])
        reading = await read(source, adapters()["gminer"])
    finally:
        process.send_signal(number)
        code = await asyncio.wait_for(process.wait(), 30)

    assert code == 0
    assert [workload.algorithm for workload in reading.workloads] == ["etchash", "kaspa"]
    assert [device.hashrates[1] > 0 for device in reading.devices] == [True, False]


async def test_without_the_web_stack_and_the_sentry():
    """It stands in for a mining program, by the dozen: it must start fast and stay small."""
    code = (
        "import sys, rigfarm.simulate.miners.__main__ as m, rigfarm.simulate.miners as f; f.programs();"
        "print([n for n in sys.modules if n.split('.')[0] in ('litestar', 'httpx', 'structlog', 'msgspec')"
        " or n.startswith(('rigfarm.sentry', 'rigfarm.commander'))])"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()

    assert out.decode().strip() == "[]"
