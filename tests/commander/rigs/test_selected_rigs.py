"""A selection of the index is told something: what it can be told, for whom, and every rig's own result."""

from __future__ import annotations

import re
from typing import Any

from rigfarm.commander.addresses import AddressForm
from rigfarm.wire.commands import SetPools
from rigfarm.wire.frames import CommandResult, RigCommand
from support.asic_load import asic_specs

HTMX = {"headers": {"HX-Request": "true"}}


def _choices(html: str) -> dict[str, str]:
    found = re.findall(r'name="command" value="([^"]+)">[^<]*(?:<small>([^<]*)</small>)?', html)
    return dict(found)


async def test_a_selection_is_offered_what_its_rigs_can_do(site: Any) -> None:
    ids = await site.asics("a", "b", "c")
    site.book.said.specs(ids[0], asic_specs(1, supports=["restart"]))
    site.book.said.specs(ids[1], asic_specs(2, supports=["restart", "pause"]))
    site.book.said.specs(ids[2], asic_specs(3, supports=["restart"]))
    await site.book.said.store()
    chosen = {"kind": "asic", "rigs": ",".join(map(str, ids)), "back": "/asics"}
    ask = (await site.post("/commands/choose", chosen, **HTMX)).text
    assert "Choose a command for 3 ASICs" in ask
    assert _choices(ask) == {"restart": "all", "pause": "1 of 3 can"}
    one = (await site.post("/commands/choose", {**chosen, "rigs": str(ids[0])}, **HTMX)).text
    assert _choices(one) == {"restart": ""}
    await site.post("/commands/choose", {**chosen, "rigs": ""}, 422, **HTMX)


async def test_asics_that_take_no_commands_are_said_to(site: Any) -> None:
    (rig_id,) = await site.asics("a", specs=asic_specs(1, supports=[]))
    ask = (await site.post("/commands/choose", {"kind": "asic", "rigs": str(rig_id)}, **HTMX)).text
    assert "No commands are available" in ask


async def test_all_that_match_are_told_and_each_has_its_own_result(site: Any) -> None:
    one, two, three = await site.asics("hall-1", "hall-2", "hall-3")
    await site.asics("other")
    site.book.said.specs(two, asic_specs(2, supports=["locate"]))
    await site.book.said.store()
    everything = {"kind": "asic", "those": "filter", "q": "hall", "state": "", "coin": "", "back": "/asics"}
    choose = (await site.post("/commands/choose", everything, **HTMX)).text
    named = re.search(r'name="rigs" value="([\d,]+)"', choose)
    assert named is not None
    data = {"command": "restart", "rigs": named[1], "back": "/asics"}
    ask = (await site.post("/commands/new", data, **HTMX)).text
    assert "<li>hall-3</li>" in ask
    assert "1 of 3 cannot do this, and will be refused: hall-2." in ask
    assert "Restart 3 ASICs</button>" in ask
    given = await site.post("/commands", data, 303)
    path = given.headers["location"]
    page, _ = site.live(path)
    html = await site.get(path)
    assert "2 queued" in html
    assert "1 refused" in html
    assert "hall-2 reports that it cannot do this" in html
    await page.snapshot()
    for rig_id, state in ((one, "done"), (three, "failed")):
        (command,) = await site.steering.commands.waiting(rig_id, 0, connected=True)
        assert isinstance(command, RigCommand)
        await site.steering.commands.result(rig_id, CommandResult(command.id, 0, state, f"<b>{state}</b>"))  # type: ignore[arg-type]
    html = "".join(await page.render({}))
    for part in ("1 done", "1 failed", "1 refused", "&lt;b&gt;failed&lt;/b&gt;"):
        assert part in html, part


async def test_many_asics_get_pools_with_workers_of_their_own(site: Any) -> None:
    ids = await site.asics("asic 1", "asic 2")
    form = AddressForm("Main", "pool", "BTC", urls=["pool.example:3333", "b.example:3333"])
    pool = await site.steering.addresses.create(form)
    data = {"command": "set-pools", "rigs": ",".join(map(str, ids)), "back": "/asics", "pool": str(pool.id)}
    ask = (await site.post("/commands/new", data, **HTMX)).text
    assert "Set pools of 2 ASICs?" in ask
    assert "$WORKER_NAME" in ask
    wrong = await site.post("/commands", {**data, "user": " "}, 422, **HTMX)
    assert "Every pool needs a user" in wrong.text
    await site.post("/commands", {**data, "user": "farm.$WORKER_NAME"}, 303)
    users = []
    for rig_id in ids:
        (command,) = await site.steering.commands.waiting(rig_id, 0, connected=True)
        assert isinstance(command.command, SetPools)
        assert len(command.command.pools) == 2
        users += [pool.user for pool in command.command.pools]
    assert users == ["farm.asic-1"] * 2 + ["farm.asic-2"] * 2


async def test_pools_of_the_coin_that_is_mined_come_first(site: Any) -> None:
    (rig_id,) = await site.asics("a")
    for coin in ("XMR", "BTC"):
        form = AddressForm(f"Pool of {coin}", "pool", coin, urls=["pool.example:3333"])
        await site.steering.addresses.create(form)
    ask = await site.get(f"/commands/new?command=set-pools&rigs={rig_id}")
    groups = re.findall(r'<optgroup label="([^"]*)">(.*?)</optgroup>', ask, re.DOTALL)
    assert [label for label, _ in groups] == ["BTC, which it mines now", "Other coins"]
    assert ["Pool of BTC" in groups[0][1], "Pool of XMR" in groups[1][1]] == [True, True]


async def test_without_a_pool_in_the_address_book_the_way_to_one_is_shown(site: Any) -> None:
    (rig_id,) = await site.asics("a")
    html = await site.get(f"/commands/new?command=set-pools&rigs={rig_id}")
    assert "There are no pools in the address book yet" in html


async def test_one_rigs_command_closes_the_dialog_on_its_own_page(site: Any) -> None:
    (rig_id,) = await site.asics("a")
    data = {"command": "locate-on", "rigs": str(rig_id), "back": f"/asics/{rig_id}"}
    assert "Blink a?" in await site.get(f"/commands/new?command=locate-on&rigs={rig_id}&back=/asics/{rig_id}")
    await site.post("/commands", data, 204, **HTMX)
    assert "Blink" in await site.get(f"/asics/{rig_id}")
    listed = await site.post("/commands", {**data, "back": "/asics"}, 303, **HTMX)
    assert listed.headers["location"].startswith("/commands/"), "from the index, the results are a page"


async def test_a_playbook_is_chosen_for_a_selection_of_rigs(site: Any) -> None:
    rigs = [rig.id for rig, _ in await site.book.create_many(["rig-1", "rig-2"], "cpu-gpu")]
    named = await site.get(f"/playbooks/choose?rigs={rigs[0]},{rigs[1]}&kind=cpu-gpu&back=/rigs")
    assert "A playbook for rig-1, rig-2" in named
    assert "rig-1, rig-2" in await site.get("/playbooks/choose?those=filter&q=&state=&coin=")
