"""The real nvidia-ml-py over a driver's library of our own making: calls, structures and loading are the real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from rigfarm.wire.log import Device
from rigfarm.wire.specs import GpuSpecs

COMPILER = shutil.which("cc") or shutil.which("gcc")
SCRIPT = """
import asyncio, sys
from pathlib import Path
import msgspec
from rigfarm.sentry.sensors import Sensors
from rigfarm.sentry.sensors.nvml import open_source

async def main():
    assert "pynvml" not in sys.modules
    sensors = Sensors(sources=[open_source(Path("/sys"))], timeout_s=30)
    first = await sensors.read()
    specs = await sensors.gpu_specs()
    Path(sys.argv[1]).touch()
    print(msgspec.json.encode([first.devices, (await sensors.read()).devices, specs]).decode())

asyncio.run(main())
"""


@pytest.mark.skipif(COMPILER is None, reason="no C compiler to make the stand-in for the driver's library with")
def test_it_works(tmp_path: Path) -> None:
    library = tmp_path / "libnvidia-ml.so.1"
    source = Path(__file__).with_name("fake_nvml.c")
    subprocess.run([COMPILER, "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source], check=True, timeout=60)
    lost = tmp_path / "lost"
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "FAKE_NVML_LOST": str(lost)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, lost], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    before, after, specs = msgspec.json.decode(done.stdout, type=tuple[list[Device], list[Device], list[GpuSpecs]])

    server, gamer, _ = before
    assert server == Device(
        kind="gpu",
        index=0,
        id="0000:0a:00.0",
        name="NVIDIA H200",
        core_c=41.0,
        memory_c=47.0,
        core_mhz=1980.0,
        memory_mhz=3201.0,
        power_w=118.8,
        power_limit_w=700.0,
    )
    assert (gamer.id, gamer.name, gamer.fan_percent, gamer.memory_c) == (
        "0000:0b:00.0",
        "NVIDIA GeForce RTX 4090",
        55.0,
        None,
    )
    assert [device.missing for device in before] == [False, False, False]
    assert [(device.id, device.missing) for device in after] == [
        ("0000:0a:00.0", False),
        ("0000:0b:00.0", False),
        ("0000:0c:00.0", True),
    ]
    assert specs[0] == GpuSpecs(
        id="0000:0a:00.0",
        name="NVIDIA H200",
        vendor="NVIDIA",
        memory_bytes=150_754_820_096,
        driver="550.163.01",
        vbios="96.00.BC.00.01",
        power_limit_w=700.0,
        power_limit_min_w=200.0,
        power_limit_max_w=700.0,
    )
