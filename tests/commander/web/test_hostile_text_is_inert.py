"""Whatever a rig is called, and whatever its devices and programs say, it is text in the page."""

from __future__ import annotations

from html.parser import HTMLParser

import msgspec
import pytest

from rigfarm.commander.history import Course, Line, time_range
from rigfarm.commander.rigs import view
from rigfarm.commander.stats import RigStats
from rigfarm.wire.log import Device, Devices, OperationalLog
from support.gallery.made_up import farm, hour
from support.gallery.pages import Gallery

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "</td></tr></table><h1>hello",
    "<hx-partial hx-target='body'>x</hx-partial>",
    "{{ 7 * 7 }}",
    "\u202egnol\u202c &amp; &lt;b&gt;",
    "</script><script>alert(1)</script>",
]


class Shape(HTMLParser):
    """A page's elements and attributes, without its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))


def rewritten(log: OperationalLog, text: str) -> OperationalLog:
    """The log with every text that comes from outside replaced."""
    devices = [msgspec.structs.replace(one, name=text, id=text) for one in log.devices]
    return msgspec.structs.replace(
        log,
        workloads=[
            msgspec.structs.replace(
                one, software=text, version=text, coin=text, algorithm=text, pool=text, wallet=text, worker=text
            )
            for one in log.workloads
        ],
        devices=Devices.from_rows(devices),
        pools=[msgspec.structs.replace(pool, url=text, user=text) for pool in log.pools],
        messages=[text],
        lan_ip=text,
        wan_ip=text,
    )


def pages_of(text: str, rig_id: int) -> list[str]:
    """A row and a page of a rig whose every text is this."""
    gallery = Gallery()
    made = farm(12, 6, 1, now_ms=gallery.now_ms)
    rig, stats = made.rigs[rig_id]
    assert stats.log is not None
    assert rig.specs is not None
    specs = {
        name: text for name, value in msgspec.structs.asdict(rig.specs).items() if isinstance(value, str) and value
    }
    rig = msgspec.structs.replace(rig, name=text, specs=msgspec.structs.replace(rig.specs, **specs))
    stats = msgspec.structs.replace(stats, log=rewritten(stats.log, text))
    stats.condition = msgspec.structs.replace(stats.condition, reason=text)
    made.rigs[rig_id] = (rig, stats)
    logs = list(hour(stats, gallery.now_ms, interval_ms=600_000))
    page = view.detail_page(rig, stats, gallery.now_ms, charts=view.chart_data(map(view.moment, logs), 5.0))
    span = time_range("-24h", "now", gallery.now_ms)
    lines = [Line(group="hashrate", name=text, unit="H/s", values=[1.0])]
    past = Course(from_ms=span.from_ms, to_ms=span.to_ms, resolution_s=86_400, t=[span.from_ms], lines=lines)
    ranges = view.range_view(view.Asked(span), "-1h", page.href, {"rig": rig_id})
    index = gallery.index(made, "asic" if rig.kind == "asic" else "cpu-gpu")
    return [
        str(gallery.row(rig, stats, gallery.now_ms)),
        gallery.template("rig_detail.html", page=page, ranges=ranges, live=page.href),
        gallery.template("rigs_index.html", page=index, live=index.here),
        gallery.template(
            "overview.html", page=gallery.overview(made), charts=view.farm_course(past), ranges=ranges, live="/"
        ),
        gallery.template("remove.html", target=text, action="/rigs/7/remove", back="/rigs", consequences=(text,)),
        gallery.new_rig("cpu-gpu", name=text, error=text),
    ]


@pytest.mark.parametrize("rig_id", [4, 100_003])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_adds_no_element_and_no_attribute(text: str, rig_id: int) -> None:
    harmless = pages_of("A", rig_id)
    for hostile, plain in zip(pages_of(text, rig_id), harmless, strict=True):
        assert Shape(hostile).elements == Shape(plain).elements


def test_a_fragment_that_carries_hostile_text_stays_one_fragment() -> None:
    """htmx turns `<hx-…>` into templates before it parses: escaped text gives it none."""
    row = pages_of("<hx-partial hx-target='#main'>x</hx-partial>", 4)[0]
    assert "<hx-" not in row


def test_the_strip_escapes_names() -> None:
    gpu = Device(kind="gpu", index=0, name='"><b onmouseover=alert(1)>', core_c=60.0)
    log = OperationalLog(t=1, devices=Devices.from_rows([gpu]))
    html = str(view.row(farm(1).rigs[1][0], RigStats(1, "cpu-gpu", log=log), view.CoinUnits(), 0).strip)
    assert "<b onmouseover" not in html
    assert Shape(html).elements == [("b", ("class", "title"))]
