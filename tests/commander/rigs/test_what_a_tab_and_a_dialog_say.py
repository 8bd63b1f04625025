"""What stays open says what is true now: the tab after a rename, the dialog with a new token."""

from __future__ import annotations

from typing import Any


async def test_the_tab_is_named_as_the_rig_is_now(site: Any, changes: Any) -> None:
    (rig_id,) = await site.asics("before")
    page, session = site.live(f"/asics/{rig_id}")
    assert any('"name":"before"' in frame for frame in await page.snapshot())
    changes(session)
    await site.book.rename(rig_id, "after")
    frames = await page.render(changes(session))
    assert '{"event":"title","name":"after"}' in frames
    site.stats.link_lost(rig_id)
    await site.book.maintenance.start([rig_id])
    assert not any('"title"' in frame for frame in await page.render(changes(session))), "its name did not change"


async def test_a_new_token_is_not_said_to_work_before_it_does(site: Any, changes: Any) -> None:
    (rig_id,) = await site.asics("asic-1")
    page, session = site.live(f"/asics/{rig_id}")
    await page.snapshot()
    dialog = (await site.post(f"/asics/{rig_id}/token", {}, headers={"HX-Request": "true"})).text
    assert "is online" not in dialog
    assert "Waiting for it to connect with the new token" in dialog
    changes(session)
    site.book.said.connected(rig_id)
    site.stats.link_up(rig_id)
    await site.book.said.store()
    assert "asic-1 is online." in "".join(await page.render(changes(session)))
