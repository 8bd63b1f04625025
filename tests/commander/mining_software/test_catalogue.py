"""The catalogue fits the programs' adapters, and promises nothing that only an operator can confirm."""

from __future__ import annotations

from msgspec.structs import replace

from rigfarm.commander.fields import checked
from rigfarm.commander.mining_software.catalogue.catalogue import Program, catalogue, program
from rigfarm.commander.mining_software.model import SoftwareForm
from rigfarm.commander.playbooks.content.placeholders import known_placeholders
from rigfarm.sentry.miners import adapters
from rigfarm.wire.template import placeholders


def _form(one: Program) -> SoftwareForm:
    return replace(one.form(), version="1.0")


def test_it_works() -> None:
    xmrig = program(" xmrig ")
    assert xmrig is not None
    assert (xmrig.executable, xmrig.devices, xmrig.dual) == ("xmrig", "both", False)
    assert program("no such program") is None
    assert len(catalogue()) >= 13


def test_every_entry_can_be_kept_as_it_is() -> None:
    for one in catalogue():
        kept = checked(_form(one))
        assert kept.adapter == one.adapter
        assert "API_PORT" in placeholders(kept.api_arguments)


def test_every_adapter_exists_and_is_switched_on_the_same_way() -> None:
    known = adapters()
    for one in catalogue():
        assert known[one.adapter].api_arguments == one.api_arguments, one.name


def test_every_placeholder_is_one_that_is_filled_in() -> None:
    for one in catalogue():
        assert set(placeholders(one.template)) <= known_placeholders(), one.name


def test_nothing_in_it_is_a_file_or_a_hash() -> None:
    for one in catalogue():
        assert one.releases == "" or one.releases.startswith("https://github.com/")
        assert one.releases == "" or one.releases.endswith("/releases")
