"""The pages of commands: asked for one rig or many, confirmed, and then every rig's own result, live."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from rigfarm.commander.addresses import Address, AddressBook
from rigfarm.commander.asked import row_numbers
from rigfarm.commander.auth import READ
from rigfarm.commander.circuits import Circuits
from rigfarm.commander.circuits.draw.forecast import warnings as circuits_of
from rigfarm.commander.commands.actions import Commands
from rigfarm.commander.commands.model import (
    MAX_AT_ONCE,
    MAX_PAUSE_S,
    Pace,
    has_pace,
    out_of_range,
    sample,
    starts,
    why_not,
    word,
)
from rigfarm.commander.commands.view import (
    asks_first,
    back_of,
    by_name,
    consequences_of,
    limits_of,
    results_of,
    target_of,
    verb_of,
)
from rigfarm.commander.effects.view import warnings
from rigfarm.commander.kinds import kind_named
from rigfarm.commander.numbers import number, read_decimal
from rigfarm.commander.refusals import Absent, Invalid, Refusal
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view import ACTIONS
from rigfarm.commander.selection import chosen, numbers
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.forms import texts
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render, render_form
from rigfarm.units import count, counted
from rigfarm.wire.commands import Command, PoolLogin, PowerLimit, SetPools

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
Fields: TypeAlias = Mapping[str, str]

ONE_RIG = re.compile(r"/(rigs|asics)/\d{1,9}")
MAX_NAMED = 5
"""Rigs whose refusal of a power limit is told one by one."""
LISTED = 500
"""Names that a dialog lists; of more it says how many."""


@post("/commands/choose", opt=READ, status_code=200, include_in_schema=False)
async def choose(request: WebRequest, book: NamedDependency[Rigs], rig_list: NamedDependency[RigList]) -> Template:
    """What a selection of an index can be told: only what at least one of them can do, and how many can."""
    form = await request.form()
    fields = texts(form)
    kind = kind_named(fields.get("kind")).name
    rigs = by_name(book, chosen(form.getall("rigs", []), fields, rig_list, kind))
    if not rigs:
        raise Invalid("Choose at least one rig.")
    can = [(one, sum(not why_not(sample(one.command), rig) for rig in rigs)) for one in ACTIONS[kind]]
    return render(
        request,
        "command_choose.html",
        hx=is_htmx(request.scope),
        target=target_of(rigs),
        rigs=",".join(str(rig.id) for rig in rigs),
        count=len(rigs),
        choices=[(one, able, asks_first(sample(one.command), len(rigs))) for one, able in can if able],
        back=back_of(fields, "/rigs"),
    )


@get("/commands/new", opt=asks("command", "rigs", "back"), include_in_schema=False)
async def ask(
    request: WebRequest,
    commands: NamedDependency[Commands],
    book: NamedDependency[Rigs],
    addresses: NamedDependency[AddressBook],
    stats: NamedDependency[OperationalStats],
    circuits: NamedDependency[Circuits],
) -> Template:
    """`?command=reboot&rigs=1&rigs=2`: what it means, and for whom."""
    params = request.query_params
    return await _ask(
        request,
        commands,
        book,
        addresses,
        stats,
        circuits,
        row_numbers("rigs", params.getall("rigs", [])),
        dict(params),
    )


@post("/commands/new", opt=READ, status_code=200, include_in_schema=False)
async def ask_many(
    request: WebRequest,
    commands: NamedDependency[Commands],
    book: NamedDependency[Rigs],
    addresses: NamedDependency[AddressBook],
    stats: NamedDependency[OperationalStats],
    circuits: NamedDependency[Circuits],
) -> Template:
    """The same for a selection that is too long for a URL."""
    form = await request.form()
    return await _ask(
        request, commands, book, addresses, stats, circuits, numbers(form.getall("rigs", [])), texts(form)
    )


@post("/commands", status_code=200, include_in_schema=False)
async def give(
    request: WebRequest,
    commands: NamedDependency[Commands],
    book: NamedDependency[Rigs],
    addresses: NamedDependency[AddressBook],
    stats: NamedDependency[OperationalStats],
    circuits: NamedDependency[Circuits],
) -> Answer:
    """Give it. One rig's page shows the result by itself; of many there is a page with all results."""
    form = await request.form()
    fields = texts(form)
    rigs = numbers(form.getall("rigs", []))
    try:
        command = _command(fields.get("command", ""), fields, addresses)
        _check_range(command, by_name(book, rigs), fields)
        given = await commands.give(command, rigs, pace=_pace(fields))
    except Absent:
        raise
    except Refusal as refusal:
        return await _ask(request, commands, book, addresses, stats, circuits, rigs, fields, refusal)
    back = fields.get("back", "")
    if len(given) == 1 and ONE_RIG.fullmatch(back):
        return done(request, back)
    return Redirect(f"/commands/{given[0].batch}", status_code=303)


@post("/commands/{command_id:str}/cancel", status_code=200, include_in_schema=False)
async def cancel(request: WebRequest, command_id: FromPath[str], commands: NamedDependency[Commands]) -> Answer:
    """Take it back."""
    command = await commands.cancel(command_id)
    return done(request, f"/commands/{command.batch}")


@post("/commands/{batch:str}/cancel-rest", status_code=200, include_in_schema=False)
async def cancel_rest(request: WebRequest, batch: FromPath[str], commands: NamedDependency[Commands]) -> Answer:
    """Take back what was not sent yet."""
    await commands.cancel_batch(batch)
    return done(request, f"/commands/{batch}")


@get("/commands/{batch:str}", include_in_schema=False)
async def results_page(
    request: WebRequest,
    batch: FromPath[str],
    commands: NamedDependency[Commands],
    book: NamedDependency[Rigs],
) -> Template:
    """What came of it, rig by rig."""
    return render(request, "command_results.html", live=f"/commands/{batch}", **await results_of(batch, commands, book))


page_routes = [choose, ask, ask_many, give, cancel, cancel_rest, results_page]


async def _ask(
    request: WebRequest,
    commands: Commands,
    book: Rigs,
    addresses: AddressBook,
    stats: OperationalStats,
    circuits: Circuits,
    ids: list[int],
    fields: Fields,
    refusal: Refusal | None = None,
) -> Template:
    what = fields.get("command", "")
    rigs = by_name(book, ids)
    if not rigs:
        raise Invalid("Choose at least one rig.")
    command = sample(what)
    cannot = [rig for rig in rigs if why_not(command, rig)]
    tallies = await commands.effects.latest_on(word(command), (rig.id for rig in rigs))
    return render_form(
        request,
        "command_ask.html",
        refusal,
        what=what,
        verb=verb_of(command),
        target=target_of(rigs),
        rigs=",".join(str(rig.id) for rig in rigs),
        names=[rig.name for rig in rigs[:LISTED]],
        more=max(len(rigs) - LISTED, 0),
        count=len(rigs),
        cannot=[rig.name for rig in cannot],
        why=why_not(command, cannot[0]) if cannot else "",
        consequences=consequences_of(command, len(rigs)),
        came_to=warnings(tallies),
        circuit_warnings=circuits_of(circuits, [rig.id for rig in rigs if not why_not(command, rig)])
        if starts(command)
        else [],
        fields=fields,
        limits=limits_of(rigs, stats) if isinstance(command, PowerLimit) else "",
        paced=len(rigs) > 1 and has_pace(command),
        pools=_pools_for(rigs, addresses, stats),
        back=back_of(fields, "/rigs"),
    )


def _pools_for(rigs: list[Rig], addresses: AddressBook, stats: OperationalStats) -> list[tuple[str, list[Address]]]:
    """The pools of the address book: first those of coins that these rigs mine now. An ASIC mines one algorithm only,
    and a pool of another leaves it without work."""
    mined = {share.coin for rig in rigs for share in stats.rigs[rig.id].contribution.coins}
    pools = addresses.listed("pool")
    here = [pool for pool in pools if pool.coin in mined]
    others = [pool for pool in pools if pool.coin not in mined]
    if not here:
        return [("", others)] if others else []
    coins = " and ".join(sorted({pool.coin for pool in here}))
    return [
        (f"{coins}, which {'it mines' if len(rigs) == 1 else 'they mine'} now", here),
        *([("Other coins", others)] if others else []),
    ]


def _pace(fields: Fields) -> Pace | None:
    """How many rigs at once, and the pause between; None for all at once."""
    at_once, pause = fields.get("at_once", "").strip(), fields.get("pause", "").strip()
    if not at_once:
        return None
    wrong: dict[str, str] = {}
    many, pause_s = number(at_once) or 0, number(pause) or 0
    if not 1 <= many <= MAX_AT_ONCE:
        wrong["at_once"] = f"Expected 1 to {count(MAX_AT_ONCE)} rigs; empty: all at once."
    if not 1 <= pause_s <= MAX_PAUSE_S:
        wrong["pause"] = f"Expected 1 to {count(MAX_PAUSE_S)} seconds."
    if wrong:
        raise Invalid.of(wrong)
    return Pace(many, pause_s)


def _check_range(command: Command, rigs: list[Rig], fields: Fields) -> None:
    """Invalid for a limit that none of these rigs takes; and, once, for one that some refuse: it names them."""
    able = [rig for rig in rigs if not why_not(command, rig)]
    outside = [why for rig in able if (why := out_of_range(command, rig))]
    if not outside:
        return
    said = " ".join(outside[:MAX_NAMED])
    if more := len(outside) - MAX_NAMED:
        said += f" {counted(more, 'other refuses', 'others refuse')} it, too." if more > 0 else ""
    if len(outside) == len(able):
        raise Invalid(said, field="watts")
    if fields.get("seen") != fields.get("watts"):
        rest = counted(len(able) - len(outside), "other rig")
        raise Invalid(f"{said} Send it again to limit only the {rest}.", field="watts")


def _command(what: str, fields: Mapping[str, str], addresses: AddressBook) -> Command:
    """The command that a form means."""
    if what == "power-limit":
        return _watts(fields)
    if what == "set-pools":
        return _pools(fields, addresses)
    return sample(what)


def _watts(fields: Mapping[str, str]) -> Command:
    watts = read_decimal(fields.get("watts", ""), "watts")
    if watts is None:
        raise Invalid("Enter the limit in W.", field="watts")
    return PowerLimit(watts)


def _pools(fields: Mapping[str, str], addresses: AddressBook) -> Command:
    entry = addresses.addresses.get(number(fields.get("pool", "")) or 0)
    if entry is None or entry.kind != "pool":
        raise Invalid("Choose a pool from the address book.", field="pool")
    password = fields.get("password", "").strip() or "x"
    return SetPools([PoolLogin(url, fields.get("user", "").strip(), password) for url in entry.urls])
