"""The nouns that steer rigs (address book, mining software, playbooks, commands) without the rest of the Commander."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path

from jinja2 import Environment
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from rigfarm.commander import addresses, assignments, circuits, commands, effects, mining_software, playbooks, rollouts
from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub, PageRoutes
from rigfarm.commander.mining_software.archives.store import ArchiveStore
from rigfarm.commander.noun import Noun
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.listing.asked import asked_rigs
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.usage import Usage


class SteeringNouns:
    """Made as `app.build` makes them."""

    def __init__(
        self,
        storage: Storage,
        hub: Hub,
        events: Events,
        rigs: Rigs,
        stats: OperationalStats,
        data_dir: Path,
        templates: Environment,
    ) -> None:
        usage = Usage()
        self.stats = stats
        self.addresses = addresses.AddressBook(storage, hub, events, usage)
        archives = ArchiveStore(data_dir / "archives")
        self.software = mining_software.MiningSoftware(storage, hub, events, usage, archives)
        assigned = assignments.Assigned(storage)
        self.playbooks = playbooks.Playbooks(storage, hub, events, usage, self.addresses, self.software, assigned)
        statuses = assignments.Statuses(partial(assignments.is_away, stats))
        self.effects = effects.Effects(storage, hub, events, rigs, stats, statuses.said)
        self.assignments = assignments.Assignments(
            hub, events, rigs, stats, self.playbooks, assigned, statuses, self.effects
        )
        self.consoles = assignments.Consoles(hub, events)
        self.rollouts = rollouts.Rollouts(storage, hub, events, self.assignments, stats)
        views = playbooks.PlaybookViews(
            self.playbooks,
            partial(rollouts.summary_of, assignments=self.assignments, rollouts=self.rollouts),
            [
                rollouts.section(templates, self.assignments, self.rollouts),
                assignments.section(templates, self.assignments),
            ],
            self.rollouts.gave_up,
        )
        self.commands = commands.Commands(storage, hub, events, rigs, self.effects)
        self.panels = assignments.RigPanels(templates, self.assignments, self.commands)
        self.circuits = circuits.Circuits(storage, hub, rigs, stats)
        self.nouns: list[Noun] = [
            circuits.noun(self.circuits, templates),
            addresses.noun(self.addresses, templates),
            mining_software.noun(self.software, templates),
            assignments.noun(self.assignments, self.consoles, events, templates),
            playbooks.noun(self.playbooks, views, templates),
            rollouts.noun(self.rollouts, self.assignments, templates),
            effects.noun(self.effects, templates),
            commands.noun(self.commands, rigs, templates),
        ]

    async def load(self) -> None:
        for noun in self.nouns:
            if noun.load is not None:
                await noun.load()

    async def close(self) -> None:
        for noun in self.nouns:
            if noun.close is not None:
                await noun.close()

    def show(self, routes: PageRoutes) -> None:
        for noun in self.nouns:
            if noun.live_pages is not None:
                noun.live_pages(routes)

    @property
    def routes(self) -> list[ControllerRouterHandler]:
        return list(chain.from_iterable(noun.routes for noun in self.nouns))

    @property
    def parts(self) -> dict[str, object]:
        return dict(chain.from_iterable(noun.parts.items() for noun in self.nouns))


def dependencies(now: Callable[[], SteeringNouns]) -> dict[str, Provide]:
    """What handlers may ask for, of the nouns of this moment."""
    names = (
        "addresses", "software", "playbooks", "playbook_views", "assignments", "rollouts", "consoles", "commands",
        "effects", "circuits",
    )  # fmt: skip

    def of(name: str) -> Provide:
        return Provide(lambda: now().parts[name], sync_to_thread=False)

    return {name: of(name) for name in names} | {
        "stats": Provide(lambda: now().stats, sync_to_thread=False),
        "of_rigs": Provide(asked_rigs),
    }
