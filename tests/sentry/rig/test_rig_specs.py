"""What a machine is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigfarm import __version__
from rigfarm.sentry.rig.board import bios, board
from rigfarm.sentry.rig.specs import read_specs, read_uptime
from rigfarm.simulate.rigs import SimRig
from rigfarm.wire.specs import GpuSpecs
from support.sysfs import SysfsTree

RECORDED = Path(__file__).parents[2] / "fixtures" / "sysfs"


def test_it_works(tmp_path: Path) -> None:
    tree = SysfsTree(tmp_path)
    tree.show(SimRig("rig-07", ram_bytes=16 << 30, age_s=30.0))
    card = GpuSpecs("0000:01:00.0", "A card")
    specs = read_specs(tree.sys, [card])
    assert specs.sentry_version == __version__
    assert (specs.hostname, specs.os, specs.kernel) == ("rig-07", "Debian GNU/Linux 12 (bookworm)", "6.1.0-18-amd64")
    assert specs.cpu == "AMD Ryzen 9 5950X 16-Core Processor"
    assert (specs.cpu_cores, specs.cpu_threads, specs.ram_bytes) == (16, 32, 16 << 30)
    assert (specs.board, specs.bios) == ("Simulated Boards SB-550", "SimBIOS 1.0")
    assert specs.gpus == [card]
    assert read_uptime(tree.sys) == 3630.0


def test_the_recorded_board() -> None:
    assert board(RECORDED) == "Dell Inc. 07PXPY (PowerEdge R6515)"
    assert bios(RECORDED) == "Dell Inc. 2.2.4 (04/12/2021)"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"board_vendor": "ASUSTeK COMPUTER INC.", "board_name": "PRIME Z390-P", "product_name": "System Product Name"},
         "ASUSTeK COMPUTER INC. PRIME Z390-P"),
        ({"board_vendor": "To Be Filled By O.E.M.", "board_name": "Default string", "sys_vendor": "Acme",
          "product_name": "Box 9"}, "Acme Box 9"),
        ({"board_vendor": "MSI", "board_name": "B450 (MS-7B86)", "product_name": "MS-7B86"}, "MSI B450 (MS-7B86)"),
        ({"board_name": "  H110   D3A "}, "H110 D3A"),
        ({"board_name": "x" * 5000}, "x" * 100),
        ({}, None),
    ],
)  # fmt: skip
def test_what_makers_never_filled_in_is_left_out(tmp_path: Path, fields: dict[str, str], name: str | None) -> None:
    tree = SysfsTree(tmp_path)
    tree.dmi(**fields)
    assert board(tree.sys) == name


def test_an_empty_machine_has_unknown_specs(tmp_path: Path) -> None:
    specs = read_specs(tmp_path / "sys")
    assert specs == read_specs(Path("/nonexistent/sys"))
    assert (specs.hostname, specs.cpu, specs.ram_bytes, specs.board, specs.gpus) == (None, None, None, None, [])
    assert read_uptime(tmp_path / "sys") is None


@pytest.mark.parametrize("text", ["", "soon", "nan-ish x", "\x00"])
def test_an_uptime_that_is_no_number_is_unknown(tmp_path: Path, text: str) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/uptime").write_text(text)
    assert read_uptime(tmp_path / "sys") is None


def test_this_very_machine() -> None:
    specs = read_specs()
    assert specs.hostname
    assert specs.ram_bytes
    assert (read_uptime() or 0) > 0
