"""PCI addresses in whatever form a program writes them."""

from __future__ import annotations

import pytest

from rigfarm.sentry.miners.pci import address, normalise


@pytest.mark.parametrize(
    ("written", "base", "means"),
    [
        ("0000:01:00.0", 16, "0000:01:00.0"),
        ("0000:0A:00.0", 16, "0000:0a:00.0"),
        ("00000000:0A:00.0", 16, "0000:0a:00.0"),  # NVML
        ("0a:00.0", 16, "0000:0a:00.0"),  # XMRig
        ("10:00.0", 16, "0000:10:00.0"),
        ("10:0", 10, "0000:0a:00.0"),  # lolMiner
        ("1:0", 10, "0000:01:00.0"),
        ("10", 10, "0000:0a:00.0"),
        ("10", 16, "0000:10:00.0"),
        ("0x0a", 10, "0000:0a:00.0"),
        ("af", 16, "0000:af:00.0"),
        (10, 10, "0000:0a:00.0"),  # T-Rex, BzMiner, OneZeroMiner
        (10, 16, "0000:0a:00.0"),  # a number is itself
        (3.0, 10, "0000:03:00.0"),
        ("10000:e1:00.0", 16, "10000:e1:00.0"),  # a domain behind Intel's VMD
        (" 0000:65:00.0 ", 16, "0000:65:00.0"),
        ("0000:00:02.0", 16, "0000:00:02.0"),  # an integrated GPU
    ],
)
def test_one_form_for_all(written, base, means):
    assert normalise(written, base) == means


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        "n/a",
        "N/A",
        -1,
        256,
        3.5,
        True,
        [],
        {},
        "0000:00:00.0",
        0,
        "0",
        "zz:00.0",
        "01:20.0",
        "01:00.8",
        "1:0:0",
        "0000:01:00.0; rm -rf /",
        "1" * 500,
        "٣",
        float("nan"),
        float("inf"),
    ],
)
def test_what_is_no_address_is_unknown(written):
    assert normalise(written) is None


def test_hexadecimal_digits_from_a_program_that_writes_decimal_ones_are_unknown():
    assert normalise("af", 10) is None


def test_address_of_numbers():
    assert address(0x65, 0x1F, 7, domain=2) == "0002:65:1f.7"
    assert address(1, 32) is None
    assert address(1, 0, 8) is None
