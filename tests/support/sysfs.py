"""A machine laid out in a folder: the files in which a kernel would tell of it (`sys/`, `proc/`, `etc/`).

The Sentry's own sensors read it (`Sensors(sysfs_root=tree.sys)`). Links are as the kernel's; every file is replaced in
one step, so a reader never sees half of it. Shapes: Documentation/hwmon and Documentation/gpu/amdgpu of the Linux
kernel.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from rigfarm.simulate.rigs import SimGpu, SimRig

__all__ = ["SysfsTree"]

_RAPL_WRAPS_UJ = 262_143_328_850
_AMD, _NVIDIA = "0x1002", "0x10de"


class SysfsTree:
    """The tree of one machine. `show` a rig to write or refresh all of it; the smaller methods write one part."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sys = folder / "sys"
        self.sys.mkdir(parents=True, exist_ok=True)
        self._energy_uj = 0.0

    def show(self, rig: SimRig, since_s: float = 0.0) -> None:
        """The rig as it is now. `since_s` is the time since it was shown last: energy counters go on by it."""
        self.machine(rig)
        self.cpu_temperature(rig.cpu.core_c)
        self._energy_uj += rig.cpu.drawn_w * since_s * 1e6
        self.energy(int(self._energy_uj) % _RAPL_WRAPS_UJ)
        for number, gpu in enumerate(rig.gpus):
            self.card(gpu, number)

    def put(self, path: str, content: object) -> Path:
        """One file under `sys`, with the newline that kernel files end in."""
        return _put(self.sys / path, f"{content}\n")

    def machine(self, rig: SimRig) -> None:
        """Processor, memory, board, host name, uptime."""
        for thread in range(rig.cpu.threads):
            self.thread(thread, package=0, core=thread % rig.cpu.cores)
        _put(self.folder / "proc/cpuinfo", f"processor\t: 0\nmodel name\t: {rig.cpu.name}\nflags\t\t: fpu aes avx2\n")
        _put(self.folder / "proc/meminfo", f"MemTotal:       {rig.ram_bytes // 1024} kB\nMemFree: 1000 kB\n")
        _put(self.folder / "proc/uptime", f"{3600 + rig.age_s:.2f} 99.00\n")
        _put(self.folder / "proc/sys/kernel/hostname", f"{rig.name}\n")
        _put(self.folder / "proc/sys/kernel/osrelease", "6.1.0-18-amd64\n")
        _put(self.folder / "etc/os-release", 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
        self.dmi(board_vendor="Simulated Boards", board_name="SB-550", bios_vendor="SimBIOS", bios_version="1.0")

    def dmi(self, **fields: str) -> None:
        """What the firmware says of the board."""
        for name, value in fields.items():
            self.put(f"devices/virtual/dmi/id/{name}", value)
        self._link("class/dmi/id", "devices/virtual/dmi/id")

    def thread(self, number: int, package: int, core: int) -> None:
        """One hardware thread's place in the processor."""
        topology = f"devices/system/cpu/cpu{number}/topology"
        self.put(f"{topology}/physical_package_id", package)
        self.put(f"{topology}/core_id", core)

    def cpu_temperature(self, celsius: float, chip: str = "k10temp", label: str = "Tctl", package: int = 0) -> None:
        """The one sensor of a package."""
        device = f"platform/coretemp.{package}" if chip == "coretemp" else f"pci0000:00/0000:00:{0x18 + package:02x}.3"
        self.hwmon(f"devices/{device}/hwmon/hwmon{package}", chip, temp1_input=round(celsius * 1000), temp1_label=label)

    def hwmon(self, path: str, name: str, **channels: object) -> None:
        """A monitoring chip with its channels, listed in `class/hwmon`."""
        self.put(f"{path}/name", name)
        for channel, value in channels.items():
            self.put(f"{path}/{channel}", value)
        self._link(f"class/hwmon/{path.rsplit('/', 1)[-1]}", path)

    def energy(self, microjoules: int, package: int = 0, wraps_at: int = _RAPL_WRAPS_UJ) -> Path:
        """The energy counter of a package."""
        zone = f"class/powercap/intel-rapl:{package}"
        self.put(f"{zone}/name", f"package-{package}")
        self.put(f"{zone}/max_energy_range_uj", wraps_at)
        return self.put(f"{zone}/energy_uj", microjoules)

    def card(self, gpu: SimGpu, number: int) -> None:
        """A card on the bus, or not if it is lost. Only AMD's tell anything in files."""
        if gpu.lost:
            self.vanish(gpu.pci, number)
            return
        amd = gpu.vendor == "AMD"
        device = f"devices/pci0000:00/{gpu.pci}"
        self.put(f"{device}/vendor", _AMD if amd else _NVIDIA)
        self.put(f"{device}/class", "0x030000")
        self._link(f"bus/pci/devices/{gpu.pci}", device)
        self.driver(gpu.pci, "amdgpu" if amd else "nvidia")
        if amd:
            self._amd(gpu, device, number)

    def driver(self, pci: str, name: str | None) -> None:
        """The kernel driver that holds a card."""
        link = f"devices/pci0000:00/{pci}/driver"
        (self.sys / link).unlink(missing_ok=True)
        if name is not None:
            self.put(f"bus/pci/drivers/{name}/bind", "")
            self._link(link, f"bus/pci/drivers/{name}")

    def vanish(self, pci: str, number: int) -> None:
        """Take a card off the bus."""
        for link in (f"bus/pci/devices/{pci}", f"class/drm/card{number}/device", f"class/hwmon/hwmon{number + 10}"):
            (self.sys / link).unlink(missing_ok=True)
        shutil.rmtree(self.sys / f"devices/pci0000:00/{pci}", ignore_errors=True)

    def _amd(self, gpu: SimGpu, device: str, number: int) -> None:
        self.put(f"{device}/uevent", f"DRIVER=amdgpu\nPCI_CLASS=30000\nPCI_SLOT_NAME={gpu.pci}")
        self.put(f"{device}/product_name", gpu.name)
        self.put(f"{device}/mem_info_vram_total", gpu.memory_bytes)
        self.put(f"{device}/pp_dpm_sclk", f"0: 500Mhz \n1: {gpu.core_mhz:.0f}Mhz *\n2: 2575Mhz ")
        self.put(f"{device}/pp_dpm_mclk", f"0: 96Mhz \n1: {gpu.memory_mhz:.0f}Mhz *")
        self._link(f"class/drm/card{number}/device", device)
        limit = gpu.power_w * 1.2
        self.hwmon(
            f"{device}/hwmon/hwmon{number + 10}",
            "amdgpu",
            temp1_input=round(gpu.core_c * 1000),
            temp1_label="edge",
            temp2_input=round((gpu.core_c + 9) * 1000),
            temp2_label="junction",
            temp3_input=round(gpu.memory_c * 1000),
            temp3_label="mem",
            power1_average=round(gpu.drawn_w * 1e6),
            power1_cap=round(limit * 1e6),
            power1_cap_min=round(limit * 0.5e6),
            power1_cap_max=round(limit * 1.15e6),
            fan1_input=round(gpu.fan_percent * 33),
            pwm1=round(gpu.fan_percent * 2.55),
            pwm1_max=255,
        )

    def _link(self, path: str, target: str) -> None:
        link = self.sys / path
        if not link.is_symlink():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(self.sys / target, link.parent))


def _put(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}")
    draft.write_text(content)
    draft.replace(path)
    return path
