"""Saved views and what can be done with them. A change is durable before it is announced."""

from __future__ import annotations

import asyncio

from rigfarm.commander.changes import compare, describe
from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.live import Hub
from rigfarm.commander.names import name_key, name_sort
from rigfarm.commander.refusals import Absent, Conflict, expect_revision
from rigfarm.commander.storage import Storage
from rigfarm.commander.views import broadcasts, store
from rigfarm.commander.views.model import MAX_VIEWS, View, checked_name, checked_search

__all__ = ["Views"]


class Views:
    """All of them."""

    def __init__(self, storage: Storage, hub: Hub) -> None:
        self._storage = storage
        self._hub = hub
        self._all: dict[int, View] = {}
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        """Read all of them; once, before serving."""
        async with self._storage.read() as tx:
            self._all = {view.id: view for view in await store.load_views(tx)}

    def get(self, view_id: int) -> View:
        """The view, or Absent."""
        view = self._all.get(view_id)
        if view is None:
            raise Absent(f"View {view_id} does not exist.")
        return view

    def listed(self, kind: KindName | None = None) -> list[View]:
        """By name; of one kind of rig, or of all."""
        found = [view for view in self._all.values() if kind in (None, view.kind)]
        return sorted(found, key=lambda view: (view.kind, name_sort(view.name)))

    async def create(self, kind: KindName, name: str, search: str) -> View:
        """Save one; Conflict for a name that is taken, and when there are too many."""
        describe("save view", index=KINDS[kind].title)
        name, search = checked_name(name), checked_search(kind, search)
        async with self._writing:
            self._check_name(kind, name)
            if len(self.listed(kind)) >= MAX_VIEWS:
                raise Conflict(f"There are {MAX_VIEWS} views already, which is the maximum: remove one first.")
            async with self._storage.begin() as tx:
                view = await store.insert_view(tx, kind, name, search)
            self._all[view.id] = view
        describe(view=view.name)
        compare({}, _words(view))
        broadcasts.changed(self._hub)
        return view

    async def change(
        self, view_id: int, *, name: str | None = None, search: str | None = None, revision: int | None = None
    ) -> View:
        """Give it another name, or another content; ChangedMeanwhile when it is at another revision."""
        describe("change view")
        async with self._writing:
            old = self.get(view_id)
            describe(view=old.name)
            expect_revision(revision, old.revision, old.name)
            name = old.name if name is None else checked_name(name)
            search = old.search if search is None else checked_search(old.kind, search)
            if (name, search) == (old.name, old.search):
                return old
            self._check_name(old.kind, name, except_id=view_id)
            async with self._storage.begin() as tx:
                view = await store.save_view(tx, old, name, search)
            self._all[view_id] = view
        compare(_words(old), _words(view))
        broadcasts.changed(self._hub)
        return view

    async def remove(self, view_id: int) -> None:
        """Remove it; no rig is affected."""
        describe("remove view")
        async with self._writing:
            view = self.get(view_id)
            describe(view=view.name)
            expect_revision(None, view.revision, view.name)
            async with self._storage.begin() as tx:
                await store.delete_view(tx, view_id)
            del self._all[view_id]
        compare(_words(view), {})
        broadcasts.changed(self._hub)

    def _check_name(self, kind: KindName, name: str, except_id: int | None = None) -> None:
        key = name_key(name)
        if any(name_key(one.name) == key and one.id != except_id for one in self.listed(kind)):
            raise Conflict(f"A view named {name} already exists (case is ignored): choose another.", field="name")


def _words(view: View) -> dict[str, str]:
    return {"name": view.name, "view": view.search}
