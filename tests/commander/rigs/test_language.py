"""The language of the search box: the same rigs as anybody would pick by hand, and a mistake never means any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigfarm.commander.events import Events
from rigfarm.commander.kinds import KindName
from rigfarm.commander.live import Hub
from rigfarm.commander.rigs.listing.fields import FIELDS
from rigfarm.commander.rigs.listing.language import MAX_SEARCH, SearchMistake, parse, parse_kept
from rigfarm.commander.rigs.listing.words import Words
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.stats import OperationalStats, RigStats
from rigfarm.commander.stats.normal import Normal
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload
from rigfarm.wire.specs import GpuSpecs, Specs

NOW = 1_795_996_800_000


def a_rig(
    name: str,
    *,
    coin: str | None = None,
    hashrate: float | None = None,
    normal: float | None = None,
    celsius: float | None = None,
    watts: float | None = None,
    rejected: int = 0,
    up: bool = True,
    specs: Specs | None = None,
    kind: KindName = "cpu-gpu",
    **log: Any,
) -> tuple[Rig, RigStats]:
    """A rig that reported once."""
    stats = OperationalStats(Hub(), Events(), 5.0)
    stats.add(1, kind)
    if up:
        stats.link_up(1)
        workloads = [
            Workload(software="xmrig", coin=coin, hashrate=hashrate, accepted=100 - rejected, rejected=rejected)
        ]
        devices = Devices.from_rows([Device(kind="gpu", index=0, core_c=celsius)])
        stats.receive(
            1, OperationalLog(t=NOW, power_w=watts, workloads=workloads if coin else [], devices=devices, **log)
        )
        if normal is not None and coin is not None:
            stats.rigs[1].normal[coin] = Normal(value=normal)
    return Rig(id=1, name=name, kind=kind, created_at=NOW, specs=specs), stats.rigs[1]


FARM = [
    a_rig("hall-1", coin="XMR", hashrate=9e3, normal=1.01e4, celsius=85.0, watts=400.0, rejected=5, uptime_s=60.0),
    a_rig("hall-2", coin="KAS", hashrate=2.5e9, celsius=60.0, watts=1_250.0, lan_ip="10.0.3.7", messages=["Xid 79"]),
    a_rig(
        "test rig",
        coin="XMR",
        hashrate=5_000.0,
        normal=5_000.0,
        celsius=70.0,
        specs=Specs(sentry_version="1", gpus=[GpuSpecs(id="a", name="RTX 3070"), GpuSpecs(id="b", name="RTX 3070")]),
    ),
    a_rig("waits", up=False),
    a_rig(
        "s19",
        kind="asic",
        specs=Specs(
            sentry_version="1",
            make="Antminer",
            model="S19",
            variant="Pro",
            firmware="Braiins",
            firmware_version="23.12",
            mac="02:aa:bb:00:00:01",
        ),
    ),
]


def found(search: str) -> list[str]:
    return [rig.name for rig, stats in FARM if fits(search, rig, stats)]


def fits(search: str, rig: Rig, stats: RigStats) -> bool:
    """Whether a search finds one rig."""
    return all(check.fits(rig, stats) for check in parse(search).checks(Words().check))


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("", ["hall-1", "hall-2", "test rig", "waits", "s19"]),
        ("HALL", ["hall-1", "hall-2"]),
        ("hall -10.0.3", ["hall-1"]),
        ('"test rig"', ["test rig"]),
        ('-"test rig" coin:xmr', ["hall-1"]),
        ("coin:XMR", ["hall-1", "test rig"]),
        ("coin:XMR,KAS -name:test", ["hall-1", "hall-2"]),
        ("-coin:*", ["waits", "s19"]),
        ("name:hall", ["hall-1", "hall-2"]),
        ("name=hall", []),
        ("name:h*-2", ["hall-2"]),
        ("temp>80", ["hall-1"]),
        ("temp>=60 temp<=70", ["hall-2", "test rig"]),
        ("temp:60..70", ["hall-2", "test rig"]),
        ("temp!=60..70", ["hall-1"]),
        ("-temp>80", ["hall-2", "test rig", "waits", "s19"]),
        ("-temp:*", ["waits", "s19"]),
        ("power>1.2kW", ["hall-2"]),
        ("power<500", ["hall-1"]),
        ("hashrate<90%", ["hall-1"]),
        ("hashrate>=100%", ["test rig"]),
        ("hashrate>1MH/s", ["hall-2"]),
        ("rejects>2%", ["hall-1"]),
        ("uptime<5m", ["hall-1"]),
        ("message:xid", ["hall-2"]),
        ("messages>0", ["hall-2"]),
        ("gpus:2", ["test rig"]),
        ('gpu:"rtx 3070"', ["test rig"]),
        ("ip:10.0.*", ["hall-2"]),
        ('model:"S19*"', ["s19"]),
        ("model:antminer", ["s19"]),
        ("firmware!=braiins", []),
        ("firmware!=vnish", ["s19"]),
        ("mac:02:AA:*", ["s19"]),
        ("state:waiting", ["waits"]),
        ("software:xmrig,trex", ["hall-1", "hall-2", "test rig"]),
        ("seen>1s -seen:*", []),
    ],
)
def test_what_is_found(search: str, names: list[str]) -> None:
    assert found(search) == names


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("colour:red", "colour:red: there is no field colour. Fields: name, state"),
        ("state:onlin", "state:onlin: the value must be one of online, degraded"),
        ("temp:70..60", "a range begins with the smaller number: 60..70"),
        ("-state:onlin", "the value must be one of"),
        ("temp:", "temp:: a number is missing, for example temp>80."),
        ("temp>hot", "temp>hot: 'hot' does not begin with a number"),
        ("temp:80", "write > or <, or a range"),
        ("-temp:90..80", "-temp:90..80: a range begins with the smaller number"),
        ("gpus!=6..2", "a range begins with the smaller number"),
        ("fan!=nan..nan", "does not begin with a number"),
        ("gpus:2.5", "is not a whole number"),
        ("power>5parsec", "is not understood"),
        ("coin>3", "this field is text"),
        ("coin:", "a value is missing, for example coin:XMR,KAS."),
        ("coin:,", "a value is missing"),
        ('name:"hall', "a quotation mark is missing"),
        ('"', "a quotation mark is missing"),
        ('""', "there is nothing between the quotation marks"),
        ("-", "-: write one - and no space before what it negates"),
        ("coin:XMR - name:rig-01", "-: write one - and no space"),
        ("--name:rig-01", "--name:rig-01: write one - and no space"),
        ("hall " * 40, "at most 30 conditions"),
        (f"message:{','.join(['q'] * 31)}", "at most 30 conditions"),
        (f"-message:{'*q' * 30}", "at most 30 conditions; each value and each * counts"),
        ("x" * (MAX_SEARCH + 1), "at most 300 characters"),
    ],
)
def test_a_mistake_names_the_condition(search: str, says: str) -> None:
    with pytest.raises(SearchMistake) as refused:
        parse(search)
    assert says in str(refused.value)
    assert parse_kept(search).terms


def test_a_hardware_address_is_a_word() -> None:
    assert [term.word for term in parse("02:aa:bb:00:00:01 -aa:bb").terms] == ["02:aa:bb:00:00:01", "aa:bb"]


def test_every_example_is_understood_and_a_condition_can_be_taken_out() -> None:
    wanted = parse(" ".join(field.example for field in list(FIELDS.values())[:12]))
    texts = [term.text for term in wanted.terms]
    for n, term in enumerate(wanted.terms):
        assert [one.text for one in parse(wanted.without(term)).terms] == texts[:n] + texts[n + 1 :]
    for field in FIELDS.values():
        assert parse(field.example).terms[0].of_field is not None


@given(st.text(max_size=60) | st.text('abt:=<>!-*"., 019%', max_size=40))
def test_any_text_is_a_search_or_a_mistake(text: str) -> None:
    try:
        parse(text)
    except SearchMistake:
        return
    found(text)


_PATTERNS = st.text("ab*", min_size=1, max_size=6)


@given(_PATTERNS, st.text("ab", max_size=8))
def test_a_star_stands_for_anything(pattern: str, text: str) -> None:
    def like(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return like(pattern[1:], text) or (bool(text) and like(pattern, text[1:]))
        return bool(text) and pattern[0] == text[0] and like(pattern[1:], text[1:])

    rig, stats = a_rig(text or "x", up=False)
    rig = Rig(id=1, name=text, kind="cpu-gpu", created_at=NOW)
    expected = like(pattern, text) if text else False  # an empty text is an unknown one
    if "*" in pattern:
        assert fits(f"name:{pattern}", rig, stats) is expected
    assert fits(f"name={pattern}", rig, stats) is expected


_NUMBERS = st.integers(0, 130)
_CONDITIONS = st.tuples(
    st.booleans(), st.sampled_from(["temp", "power"]), st.sampled_from([">", "<", ">=", "<="]), _NUMBERS
)


@given(st.lists(_CONDITIONS, max_size=5), st.lists(st.tuples(st.none() | _NUMBERS, st.none() | _NUMBERS), max_size=5))
def test_all_conditions_hold_at_once(
    conditions: list[tuple[bool, str, str, int]], rigs: list[tuple[int | None, int | None]]
) -> None:
    search = " ".join(f"{'-' if turned else ''}{name}{sign}{mark}" for turned, name, sign, mark in conditions)
    for celsius, watts in rigs:
        rig, stats = a_rig("a", coin="XMR", hashrate=1.0, celsius=celsius, watts=watts)
        known = {"temp": celsius if celsius and celsius < 130 else None, "power": watts}
        holds = all(
            (known[name] is not None and eval(f"{known[name]} {sign} {mark}")) is not turned
            for turned, name, sign, mark in conditions
        )
        assert fits(search, rig, stats) is holds


def test_the_document_lists_every_field() -> None:
    text = (Path(__file__).parents[3] / "docs" / "search.md").read_text()
    rows = [f"| `{field.example}` | {field.about} |" for field in FIELDS.values()]
    assert text.rstrip().endswith("\n".join(rows))


async def test_a_page_with_a_mistake_says_it_and_shows_no_rigs(site: Any) -> None:
    (rig_id,) = await site.asics("a")
    html = await site.get("/asics?q=temp%3Ehot", 400)
    assert "This search has a mistake" in html
    assert "temp&gt;hot: &#39;hot&#39; does not begin with a number" in html
    assert f'id="rig-{rig_id}"' not in html
    html = await site.get("/asics?q=coin%3ABTC+temp%3C120")
    assert f'id="rig-{rig_id}"' in html
    assert 'href="/asics?q=temp%3C120"' in html, "each condition can be taken out"


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("", False),
        ("name:a -tag:b power>1kW", False),
        ("hashrate<9MH", False),
        ("hashrate<90%", True),
        ("hashrate!=5..9%", True),
    ]
    + [(text, True) for text in ("word", "name:a word", "temp>80", "reason:pool", "coin:XMR")],
)
def test_which_searches_need_logs(text: str, reads: bool) -> None:
    assert parse(text).reads_logs is reads
