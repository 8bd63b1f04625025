"""Circuits and what can be done with them. All of them are in memory; a change is durable before it is announced."""

from __future__ import annotations

import asyncio

from rigfarm.commander.changes import compare, describe
from rigfarm.commander.circuits import broadcasts, store
from rigfarm.commander.circuits.draw.sums import Draws
from rigfarm.commander.circuits.model import MAX_CIRCUITS, Circuit, CircuitForm, Feeds, place_key
from rigfarm.commander.fields import checked, words_of
from rigfarm.commander.live import Hub
from rigfarm.commander.names import name_key, name_sort
from rigfarm.commander.refusals import Absent, Conflict, expect_revision
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.common.clock import utc_ms

__all__ = ["Circuits"]


class Circuits:
    """All circuits of the farm, and what they draw (`draws`)."""

    def __init__(self, storage: Storage, hub: Hub, rigs: Rigs, stats: OperationalStats) -> None:
        self.circuits: dict[int, Circuit] = {}
        self.rigs = rigs
        self.stats = stats
        self.draws = Draws(hub, rigs, stats)
        self._storage = storage
        self._hub = hub
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        """Read all of them; once, before serving."""
        async with self._storage.read() as tx:
            self.circuits = {one.id: one for one in await store.load_circuits(tx)}
        await self._use()

    # Looking up

    def get(self, circuit_id: int) -> Circuit:
        """The circuit, or Absent."""
        circuit = self.circuits.get(circuit_id)
        if circuit is None:
            raise Absent(f"Circuit {circuit_id} does not exist.")
        return circuit

    def listed(self, q: str = "") -> list[Circuit]:
        """By name; those with these words in their name, places or notes."""
        words = q.casefold().split()
        found = [one for one in self.circuits.values() if all(word in _text(one) for word in words)]
        return sorted(found, key=lambda one: name_sort(one.name))

    def names(self) -> tuple[str, ...]:
        """Of all circuits, in no order."""
        return tuple(one.name for one in self.circuits.values())

    # What operators do

    async def create(self, form: CircuitForm) -> Circuit:
        """Add a circuit. Invalid; Conflict for a name or a place that another one has, and when there are too many."""
        describe("create circuit")
        form = checked(form)
        async with self._writing:
            if len(self.circuits) >= MAX_CIRCUITS:
                raise Conflict(f"There are {MAX_CIRCUITS} circuits, and that is the maximum: remove one first.")
            self._check_distinct(form)
            async with self._storage.begin() as tx:
                circuit = await store.insert_circuit(tx, form, utc_ms())
            self.circuits[circuit.id] = circuit
            await self._use()
        describe(circuit=circuit.name)
        compare({}, words_of(form))
        return circuit

    async def change(self, circuit_id: int, form: CircuitForm, revision: int | None = None) -> Circuit:
        """Replace what a circuit says. `revision`: what the operator saw; ChangedMeanwhile when it is no longer that.
        Absent, Invalid, Conflict."""
        describe("change circuit")
        form = checked(form)
        async with self._writing:
            old = self.get(circuit_id)
            describe(circuit=old.name)
            expect_revision(revision, old.revision, old.name)
            if form == old.form:
                return old
            self._check_distinct(form, except_id=circuit_id)
            async with self._storage.begin() as tx:
                circuit = await store.save_circuit(tx, old, form, max(utc_ms(), old.updated_at + 1))
            self.circuits[circuit_id] = circuit
            await self._use()
        describe(circuit=circuit.name)
        compare(words_of(old.form), words_of(form))
        return circuit

    async def remove(self, circuit_id: int) -> Circuit:
        """Its rigs belong to no circuit then, or to that of a larger place. Absent."""
        describe("remove circuit")
        async with self._writing:
            circuit = self.get(circuit_id)
            describe(circuit=circuit.name)
            expect_revision(None, circuit.revision, circuit.name)
            async with self._storage.begin() as tx:
                await store.delete_circuit(tx, circuit_id)
            del self.circuits[circuit_id]
            await self._use()
        compare(words_of(circuit.form), {})
        return circuit

    async def _use(self) -> None:
        """From now on, these are the circuits."""
        await self.draws.use(Feeds(self.circuits.values()), self.circuits.values())
        broadcasts.changed(self._hub)

    def _check_distinct(self, form: CircuitForm, except_id: int | None = None) -> None:
        others = [one for one in self.circuits.values() if one.id != except_id]
        key = name_key(form.name)
        if any(name_key(one.name) == key for one in others):
            raise store.taken(form.name)
        fed = {place_key(place): one for one in others for place in one.form.places}
        for place in form.places:
            if (other := fed.get(place_key(place))) is not None:
                raise Conflict(f"{place} is fed by {other.name} already: a place has one circuit.", field="places")


def _text(circuit: Circuit) -> str:
    form = circuit.form
    return "\n".join((form.name, *form.places, form.notes)).casefold()
