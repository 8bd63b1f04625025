"""Playbooks: written, checked, changed in revisions, rolled back, removed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from msgspec.structs import replace

from rigfarm.commander.addresses import AddressForm
from rigfarm.commander.assignments.sent import assigned_to
from rigfarm.commander.playbooks import WorkloadForm
from rigfarm.commander.playbooks.broadcasts import INDEX
from rigfarm.commander.refusals import Absent, ChangedMeanwhile, Conflict, Invalid
from rigfarm.wire.playbooks import Supervision


async def test_it_works(any_farm: Any) -> None:
    playbook = await any_farm.playbooks.create(await any_farm.new_form())
    content = playbook.content
    assert (playbook.revision, content.coins, content.software.name) == (1, ["XMR"], "Fakeminer")
    assert content.workloads[0].pool.urls == ["stratum+tcp://pool.example:3333"]
    assert content.software.archive.executable == "fakeminer"

    again = await any_farm.restarted()
    assert again.playbooks.playbooks == {playbook.id: playbook}


async def test_every_change_is_a_revision_and_any_can_come_back(any_farm: Any) -> None:
    book = any_farm.playbooks
    form = await any_farm.new_form()
    first = await book.create(form)
    second = await book.change(first.id, replace(form, template="-o $CPU_POOL -u $CPU_WALLET -p x"))
    third = await book.change(first.id, replace(form, name="Monero"))
    back = await book.roll_back(first.id, 1)
    assert (second.revision, third.revision, back.revision) == (2, 3, 4)
    assert back.content == first.content
    assert [(one.number, one.note) for one in await book.history(first.id)] == [
        (4, "rolled back to revision 1"),
        (3, "changed"),
        (2, "changed"),
        (1, "created"),
    ]
    assert (await book.revision(first.id, 2)).content == second.content
    with pytest.raises(Invalid, match="already"):
        await book.roll_back(first.id, 4)
    with pytest.raises(Absent):
        await book.roll_back(first.id, 9)
    assert (await any_farm.restarted()).playbooks.get(first.id) == back


async def test_saving_the_same_is_no_revision(farm: Any) -> None:
    form = await farm.new_form()
    playbook = await farm.playbooks.create(form)
    assert await farm.playbooks.change(playbook.id, form) == playbook


async def test_who_saves_over_anothers_change_is_told(farm: Any) -> None:
    form = await farm.new_form()
    playbook = await farm.playbooks.create(form)
    await farm.playbooks.change(playbook.id, replace(form, name="Monero"), revision=1)
    with pytest.raises(ChangedMeanwhile, match="revision 2"):
        await farm.playbooks.change(playbook.id, replace(form, name="Other"), revision=1)


async def test_names_are_distinct(farm: Any) -> None:
    form = await farm.new_form()
    playbook = await farm.playbooks.create(form)
    with pytest.raises(Conflict) as refusal:
        await farm.playbooks.create(replace(form, name="xmr ON cpus"))
    assert set(refusal.value.fields) == {"name"}
    copy = await farm.playbooks.create(farm.playbooks.copy_of(playbook.id))
    assert copy.name == "XMR on CPUs (2)"
    assert replace(copy.content, name="") == replace(playbook.content, name="")
    assert farm.playbooks.copy_of(playbook.id).name == "XMR on CPUs (3)"


async def test_viewers_of_the_list_see_it_all(farm: Any) -> None:
    farm.hub.subscribe(farm.viewer, INDEX)
    form = await farm.new_form()
    playbook = await farm.playbooks.create(form)
    await farm.playbooks.change(playbook.id, replace(form, name="Monero"))
    await farm.playbooks.remove(playbook.id)
    assert [(key, event) for channel, key, event in farm.viewer.heard if channel == INDEX] == [
        (playbook.id, "created"),
        (playbook.id, "updated"),
        (playbook.id, "deleted"),
    ]


async def test_an_address_that_changes_makes_a_revision_that_reaches_no_rig_by_itself(any_farm: Any) -> None:
    form = await any_farm.new_form()
    playbook = await any_farm.playbooks.create(form)
    (rig_id,) = await any_farm.new_rigs("rig-01")
    await any_farm.assignments.apply(playbook.id, [rig_id])
    wallet_id = form.workloads[0].wallet_id
    wallet = any_farm.addresses.get(wallet_id)
    await any_farm.addresses.change(wallet_id, AddressForm(wallet.name, "wallet", "XMR", wallet="48another"))

    changed = any_farm.playbooks.get(playbook.id)
    assert changed.revision == 2
    assert changed.content.workloads[0].wallet.wallet == "48another"
    assert (await any_farm.playbooks.history(playbook.id))[
        0
    ].note == f"wallet “{wallet.name}” changed in the address book"
    assert (await any_farm.told(rig_id))[0].variables["CPU_WALLET"] == "48wallet"

    await any_farm.assignments.apply(playbook.id, [rig_id])
    assert (await any_farm.told(rig_id))[0].variables["CPU_WALLET"] == "48another"
    back = await any_farm.playbooks.roll_back(playbook.id, 1)
    assert back.content.workloads[0].wallet.wallet == "48wallet"


async def test_an_address_that_only_changes_its_name_makes_none(farm: Any) -> None:
    form = await farm.new_form()
    playbook = await farm.playbooks.create(form)
    pool = farm.addresses.get(form.workloads[0].pool_id)
    await farm.addresses.change(pool.id, AddressForm("another name", "pool", "XMR", urls=pool.urls))
    assert farm.playbooks.get(playbook.id).revision == 1


async def test_a_crash_between_an_address_and_its_playbooks_is_made_good_at_the_start(farm: Any) -> None:
    form = await farm.new_form()
    playbook = await farm.playbooks.create(form)
    farm.events._followers.clear()
    wallet_id = form.workloads[0].wallet_id
    await farm.addresses.change(wallet_id, AddressForm("w", "wallet", "XMR", wallet="48another"))
    assert farm.playbooks.get(playbook.id).revision == 1
    again = await farm.restarted()
    assert again.playbooks.get(playbook.id).content.workloads[0].wallet.wallet == "48another"


async def test_software_that_is_pinned_later_makes_a_revision(farm: Any) -> None:
    software = await farm.new_software("Laterminer", pin=False)
    playbook = await farm.playbooks.create(await farm.new_form(software_id=software.id))
    assert playbook.content.software.archive is None
    await farm.new_software("Laterminer2")

    async def body() -> Any:
        yield b"\x7fELF later"

    uploaded = await farm.software.upload(software.id, body(), None)
    assert farm.playbooks.get(playbook.id).revision == 1
    await farm.software.pin(software.id, uploaded.kept.sha256)
    changed = farm.playbooks.get(playbook.id)
    assert (changed.revision, changed.content.software.archive.sha256) == (2, uploaded.kept.sha256)


async def test_who_uses_an_address_or_a_program_is_known(farm: Any) -> None:
    form = await farm.new_form()
    playbook = await farm.playbooks.create(form)
    (rig_id,) = await farm.new_rigs("rig-01")
    await farm.assignments.apply(playbook.id, [rig_id])
    await farm.playbooks.change(playbook.id, replace(await farm.new_form(), name=form.name))
    for uses in (farm.addresses.used_by(form.workloads[0].pool_id), farm.software.used_by(form.software_id)):
        assert [(use.name, use.rigs) for use in uses] == [("XMR on CPUs", 1)], "the rig still has revision 1"
    await farm.assignments.apply(playbook.id, [rig_id])
    assert farm.addresses.used_by(form.workloads[0].pool_id) == []


async def test_removing_one_that_rigs_have_is_confirmed_and_stops_them(farm: Any) -> None:
    playbook = await farm.playbooks.create(await farm.new_form())
    rigs = await farm.new_rigs("rig-01", "rig-02")
    await farm.assignments.apply(playbook.id, rigs)
    with pytest.raises(Conflict, match="2 rigs"):
        await farm.playbooks.remove(playbook.id)
    farm.nudged.clear()
    stamps = dict(farm.assignments.assigned.stamps)
    await farm.playbooks.remove(playbook.id, even_if_used=True)
    assert sorted(farm.nudged) == rigs
    for farm_now in (farm, await farm.restarted()):
        for rig_id in rigs:
            stamp, assigned = assigned_to(rig_id, farm_now.assignments)
            assert assigned == []
            assert stamp > stamps[rig_id]


GPU = WorkloadForm("gpu1", "KAS", "kheavyhash")
DUAL = WorkloadForm("gpu2", "ZIL", "ethash")


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"name": "  "}, "name", "needs a name"),
        ({"software_id": 99}, "software_id", "Choose a mining program"),
        ({"workloads": []}, "cpu_coin", "Say what to mine"),
        ({"workloads": [WorkloadForm("cpu", "")]}, "cpu_coin", "ticker"),
        ({"workloads": [WorkloadForm("cpu", "XMR", "rx/0 --evil")]}, "cpu_algorithm", "algorithm"),
        ({"workloads": [WorkloadForm("cpu", "XMR", pool_id=99)]}, "cpu_pool", "no longer"),
        ({"workloads": [WorkloadForm("cpu", "XMR", wallet_id=99)]}, "cpu_wallet", "no longer"),
        ({"workloads": [GPU, GPU]}, "gpu1_coin", "twice"),
        ({"workloads": [DUAL]}, "gpu1_coin", "needs a first one"),
        ({"devices": ["gpu0"]}, "devices", "PCI address"),
        ({"variables": {"9X": "1"}}, "variables", "capitals"),
        ({"variables": {"CPU_WALLET": "mine"}}, "variables", "filled in by Rigfarm"),
        ({"variables": {"X": "a\nb"}}, "variables", "control"),
        ({"nice": 30}, "nice", "-20"),
        ({"affinity": [-1]}, "affinity", "0 to"),
        ({"run_as": "root; rm"}, "run_as", "user's name"),
        ({"supervision": Supervision(stall_s=1)}, "stall_s", "Expected"),
        ({"supervision": Supervision(low_fraction=float("nan"))}, "low_fraction", "Expected"),
        ({"supervision": Supervision(reboot_after_failures=3)}, "reboots_per_day", "How many"),
        ({"template": ""}, "template", "no placeholder"),
        ({"template": "-o 'x"}, "template", "quotation mark"),
        ({"template": "-u $GPU_WALLET_2"}, "template", r"\$GPU_WALLET_2 has no value: nothing is mined"),
        ({"template": "-u $CPU_WALET"}, "template", r"\$CPU_WALET has no value.*Did you mean \$CPU_WALLET\?"),
        ({"template": "-t $THREADS"}, "template", r"\$THREADS has no value: it is not one of Rigfarm's"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_said_beside_its_field(
    farm: Any, changes: dict[str, Any], field: str, says: str
) -> None:
    form = await farm.new_form()
    with pytest.raises(Invalid) as refusal:
        await farm.playbooks.create(replace(form, **changes))
    assert re.search(says, refusal.value.fields[field]), refusal.value.fields
    assert farm.playbooks.playbooks == {}


async def test_every_placeholder_without_value_is_named(farm: Any) -> None:
    form = await farm.new_form()
    with pytest.raises(Invalid) as refusal:
        await farm.playbooks.create(replace(form, template="$CPU_WALLET $GPU_POOL_1 $RIG_COLOUR $GPU_WALLET_1"))
    text = refusal.value.fields["template"]
    assert [name in text for name in ("$CPU_WALLET ", "$GPU_POOL_1 ", "$RIG_COLOUR ", "$GPU_WALLET_1 ")] == [
        False, True, True, True,
    ]  # fmt: skip


async def test_of_thousands_of_placeholders_without_value_a_few_are_explained(farm: Any) -> None:
    """All pages would stand still for seconds, and the answer would be a megabyte."""
    form = await farm.new_form()
    with pytest.raises(Invalid) as refusal:
        await farm.playbooks.create(replace(form, template="".join(f"$GPU_POOL_A{n}" for n in range(2_000))))
    text = refusal.value.fields["template"]
    assert "$GPU_POOL_A0 has no value" in text
    assert "1\u202f995 more" in text
    assert len(text) < 2_000


async def test_a_program_for_cpus_mines_no_coin_with_gpus(farm: Any) -> None:
    software = await farm.new_software("Cpuonly", devices="cpu", dual=False)
    form = await farm.new_form(software_id=software.id)
    with pytest.raises(Invalid) as refusal:
        await farm.playbooks.create(replace(form, workloads=[*form.workloads, GPU]))
    assert "does not mine with the GPUs" in refusal.value.fields["gpu1_coin"]
    single = await farm.new_software("Single", dual=False)
    with pytest.raises(Invalid) as refusal:
        await farm.playbooks.create(replace(form, software_id=single.id, workloads=[*form.workloads, GPU, DUAL]))
    assert "two coins at once" in refusal.value.fields["gpu2_coin"]


async def test_one_is_found_by_words_and_coin(farm: Any) -> None:
    await farm.playbooks.create(await farm.new_form())
    await farm.playbooks.create(await farm.new_form("Second"))
    assert [one.name for one in farm.playbooks.listed("cpus xmr")] == ["XMR on CPUs"]
    assert [one.name for one in farm.playbooks.listed(coin="xmr")] == ["Second", "XMR on CPUs"]
    assert farm.playbooks.listed(coin="KAS") == []
