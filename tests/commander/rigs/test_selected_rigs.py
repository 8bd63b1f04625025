"""A selection of the index is told something: what it can be told, for whom, and every rig's own result."""

from __future__ import annotations

import re
from typing import Any

from rigfarm.commander.addresses import AddressForm
from rigfarm.simulate.asic_load import asic_specs
from rigfarm.wire.frames import Command, CommandResult
from rigfarm.wire.orders import SetPools

HTMX = {"headers": {"HX-Request": "true"}}


def _choices(html: str) -> dict[str, str]:
    found = re.findall(r'name="order" value="([^"]+)">[^<]*(?:<small>([^<]*)</small>)?', html)
    return dict(found)


async def test_a_selection_is_offered_what_its_rigs_can_do(site: Any) -> None:
    ids = await site.asics("a", "b", "c")
    site.book.specs_changed(ids[0], asic_specs(1, supports=["restart"]))
    site.book.specs_changed(ids[1], asic_specs(2, supports=["restart", "pause"]))
    site.book.specs_changed(ids[2], asic_specs(3, supports=["restart"]))
    await site.book._store_said()
    chosen = {"kind": "asic", "rigs": ",".join(map(str, ids)), "back": "/asics"}
    ask = (await site.post("/orders/choose", chosen, **HTMX)).text
    assert "What shall 3 ASICs do?" in ask
    assert _choices(ask) == {"restart": "all", "pause": "1 of 3 can"}
    one = (await site.post("/orders/choose", {**chosen, "rigs": str(ids[0])}, **HTMX)).text
    assert _choices(one) == {"restart": ""}
    await site.post("/orders/choose", {**chosen, "rigs": ""}, 422, **HTMX)


async def test_asics_that_take_no_orders_are_said_to(site: Any) -> None:
    (rig_id,) = await site.asics("a", specs=asic_specs(1, supports=[]))
    ask = (await site.post("/orders/choose", {"kind": "asic", "rigs": str(rig_id)}, **HTMX)).text
    assert "cannot be told anything" in ask


async def test_all_that_match_are_told_and_each_has_its_own_result(site: Any) -> None:
    one, two, three = await site.asics("hall-1", "hall-2", "hall-3")
    await site.asics("other")
    site.book.specs_changed(two, asic_specs(2, supports=["locate"]))
    await site.book._store_said()
    everything = {"kind": "asic", "those": "filter", "q": "hall", "state": "", "coin": "", "back": "/asics"}
    choose = (await site.post("/orders/choose", everything, **HTMX)).text
    named = re.search(r'name="rigs" value="([\d,]+)"', choose)
    assert named is not None
    data = {"order": "restart", "rigs": named[1], "back": "/asics"}
    ask = (await site.post("/orders/new", data, **HTMX)).text
    assert "<li>hall-3</li>" in ask
    assert "1 of 3 cannot do this, and will be refused: hall-2." in ask
    assert "Restart 3 ASICs</button>" in ask
    given = await site.post("/orders", data, 303)
    path = given.headers["location"]
    page, _ = site.live(path)
    html = await site.get(path)
    assert "2 queued" in html
    assert "1 refused" in html
    assert "hall-2 says that it cannot do this" in html
    await page.snapshot()
    for rig_id, state in ((one, "done"), (three, "failed")):
        (command,) = await site.steering.orders.waiting(rig_id, 0, connected=True)
        assert isinstance(command, Command)
        await site.steering.orders.result(rig_id, CommandResult(command.id, 0, state, f"<b>{state}</b>"))  # type: ignore[arg-type]
    html = "".join(await page.render({}))
    for part in ("1 done", "1 failed", "1 refused", "&lt;b&gt;failed&lt;/b&gt;"):
        assert part in html, part


async def test_many_asics_get_pools_with_workers_of_their_own(site: Any) -> None:
    ids = await site.asics("asic 1", "asic 2")
    form = AddressForm("Main", "pool", "BTC", urls=["pool.example:3333", "b.example:3333"])
    pool = await site.steering.addresses.create(form)
    data = {"order": "set-pools", "rigs": ",".join(map(str, ids)), "back": "/asics", "pool": str(pool.id)}
    ask = (await site.post("/orders/new", data, **HTMX)).text
    assert "Set pools of 2 ASICs?" in ask
    assert "$WORKER_NAME" in ask
    wrong = await site.post("/orders", {**data, "user": " "}, 422, **HTMX)
    assert "Every pool needs a user" in wrong.text
    await site.post("/orders", {**data, "user": "farm.$WORKER_NAME"}, 303)
    users = []
    for rig_id in ids:
        (command,) = await site.steering.orders.waiting(rig_id, 0, connected=True)
        assert isinstance(command.order, SetPools)
        assert len(command.order.pools) == 2
        users += [pool.user for pool in command.order.pools]
    assert users == ["farm.asic-1"] * 2 + ["farm.asic-2"] * 2


async def test_without_a_pool_in_the_address_book_the_way_to_one_is_shown(site: Any) -> None:
    (rig_id,) = await site.asics("a")
    assert "The address book has no pool yet" in await site.get(f"/orders/new?order=set-pools&rigs={rig_id}")


async def test_one_rigs_order_closes_the_dialog_on_its_own_page(site: Any) -> None:
    (rig_id,) = await site.asics("a")
    data = {"order": "locate-on", "rigs": str(rig_id), "back": f"/asics/{rig_id}"}
    assert "Blink a?" in await site.get(f"/orders/new?order=locate-on&rigs={rig_id}&back=/asics/{rig_id}")
    await site.post("/orders", data, 204, **HTMX)
    assert "Blink" in await site.get(f"/asics/{rig_id}")
    listed = await site.post("/orders", {**data, "back": "/asics"}, 303, **HTMX)
    assert listed.headers["location"].startswith("/orders/"), "from the index, the results are a page"


async def test_a_playbook_is_chosen_for_a_selection_of_rigs(site: Any) -> None:
    rigs = [rig.id for rig, _ in await site.book.create_many(["rig-1", "rig-2"], "cpu-gpu")]
    named = await site.get(f"/playbooks/choose?rigs={rigs[0]},{rigs[1]}&kind=cpu-gpu&back=/rigs")
    assert "A playbook for rig-1, rig-2" in named
    assert "rig-1, rig-2" in await site.get("/playbooks/choose?those=filter&q=&state=&coin=")
