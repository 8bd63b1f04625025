"""The pages of channels, and the one behind the link of a message."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander.alerts.actions import Alerts
from rigfarm.commander.alerts.delivery.channels import Channels
from rigfarm.commander.alerts.delivery.links import AckLinks
from rigfarm.commander.alerts.delivery.model import MAX_URL, PLACEHOLDERS, Channel, ChannelForm, Message, masked
from rigfarm.commander.alerts.delivery.sender import Sender
from rigfarm.commander.alerts.delivery.texts import sample
from rigfarm.commander.alerts.delivery.windows import Window, WindowForm, Windows, window_end
from rigfarm.commander.auth import READ
from rigfarm.commander.changes import Actor, describe
from rigfarm.commander.fields import checked, columns_in, fields_of, read_form, revision_in, texts_of, typed_texts
from rigfarm.commander.playbooks.view import ago
from rigfarm.commander.refusals import Absent, Conflict, Refusal
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render, render_form
from rigfarm.common.clock import iso, utc_ms

__all__ = ["MessageRow", "channels_listing", "message_rows", "page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
Form: TypeAlias = URLEncodedBody[dict[str, object]]
STRANGER = Actor("stranger", "a browser without a session")
LISTED = 50
GROUPS = ("what", "quiet", "storm", "wording")
_TONES = {"sent": "", "waiting": "warn", "sending": "", "failed": "bad", "skipped": ""}


class MessageRow(Struct, frozen=True):
    """A line of the log of messages."""

    channel: str
    what: str
    state: str
    tone: str
    answer: str
    alert: str
    at_iso: str
    at: str


def message_rows(messages: list[Message], channels: Channels) -> list[MessageRow]:
    """The log of messages, in its order."""
    now_ms = utc_ms()
    found = []
    for one in messages:
        at = one.sent_ms or one.created_ms
        channel = channels.channels.get(one.channel_id)
        found.append(
            MessageRow(
                "" if channel is None else channel.form.name,
                one.what.partition("-")[0],
                one.state if one.attempts == 0 or one.state == "sent" else f"{one.state}, tried {one.attempts} times",
                _TONES[one.state],
                one.answer,
                f"/alerts/{one.alert_id}",
                iso(at),
                ago(at, now_ms),
            )
        )
    return found


async def channels_listing(channels: Channels, windows: Windows) -> dict[str, Any]:
    """Context of the list of channels."""
    severities = {"info": "everything", "warning": "warnings and critical", "critical": "critical only"}
    rows = [
        {
            "id": one.id,
            "name": one.form.name,
            "on": one.form.on,
            "url": masked(one.url),
            "what": "escalations" if one.form.use == "escalations" else severities[one.form.severity],
            "quiet": f"{one.form.quiet_from}–{one.form.quiet_until} {one.form.zone}" if one.form.quiet_from else "",
        }
        for one in sorted(channels.channels.values(), key=lambda one: one.form.name.casefold())
    ]
    now_ms = utc_ms()
    listed = [
        {
            "id": one.id,
            "name": one.form.name,
            "when": f"{one.form.date or one.form.days} {one.form.begins}–{one.form.ends} {one.form.zone}",
            "now": window_end(one.form, now_ms) is not None,
        }
        for one in windows.windows.values()
    ]
    messages = message_rows(await channels.messages(LISTED), channels)
    return {"channels": rows, "windows": listed, "messages": messages}


@get("/alerts/channels", include_in_schema=False)
async def channels_page(
    request: WebRequest, alert_channels: NamedDependency[Channels], alert_windows: NamedDependency[Windows]
) -> Template:
    """All channels, and what was sent to them."""
    context = await channels_listing(alert_channels, alert_windows)
    return render(request, "alert_channels.html", active="alerts", live="/alerts/channels", **context)


@post("/alerts/channels/preview", opt=READ, status_code=200, include_in_schema=False)
async def preview_wording(
    request: WebRequest, data: Form, alerts: NamedDependency[Alerts], alert_sender: NamedDependency[Sender]
) -> Template:
    """A message about the newest alert as it is worded while one types."""
    title, body = (str(data.get(name, "")) for name in ("title_template", "body_template"))
    newest = max(alerts.open or await alerts.resolved(1), key=lambda one: one.id, default=None)
    preview = {"title": "", "body": "", "why": "", "sample": newest is None}
    try:
        form = checked(ChannelForm(name="preview", title_template=title, body_template=body))
        preview["title"], preview["body"] = await alert_sender.preview(form, newest or sample(utc_ms()))
    except Refusal as refusal:
        preview["why"] = " ".join(refusal.fields.values()) or str(refusal)
    return render(request, "alert_channel_preview.html", preview=preview)


@get("/alerts/channels/new", include_in_schema=False)
async def new_channel(request: WebRequest) -> Template:
    """An empty form."""
    return _form(request, texts_of(ChannelForm(name="")))


@post("/alerts/channels", status_code=200, include_in_schema=False)
async def create_channel(request: WebRequest, data: Form, alert_channels: NamedDependency[Channels]) -> Answer:
    """Add it."""
    try:
        await alert_channels.create(read_form(ChannelForm, data), _url(data))
    except Refusal as refusal:
        return _form(request, typed_texts(ChannelForm, data), refusal=refusal)
    return done(request, "/alerts/channels")


@get("/alerts/channels/{channel_id:int}/edit", include_in_schema=False)
async def edit_channel(
    request: WebRequest, channel_id: FromPath[int], alert_channels: NamedDependency[Channels]
) -> Template:
    """The form with what it says now, but for its URL."""
    one = alert_channels.get(channel_id)
    return _form(request, texts_of(one.form), one)


@post("/alerts/channels/{channel_id:int}", status_code=200, include_in_schema=False)
async def change_channel(
    request: WebRequest, channel_id: FromPath[int], data: Form, alert_channels: NamedDependency[Channels]
) -> Answer:
    """Save it."""
    one = alert_channels.get(channel_id)
    try:
        await alert_channels.change(channel_id, read_form(ChannelForm, data), _url(data), revision_in(data))
    except Absent:
        raise
    except Refusal as refusal:
        return _form(request, typed_texts(ChannelForm, data), one, refusal)
    return done(request, "/alerts/channels")


@post("/alerts/channels/{channel_id:int}/test", status_code=200, include_in_schema=False)
async def test_channel(
    request: WebRequest, channel_id: FromPath[int], alert_channels: NamedDependency[Channels]
) -> Template:
    """Send a test message, and show what the service answered."""
    one = alert_channels.get(channel_id)
    answer = await alert_channels.test(channel_id)
    return render(
        request, "alert_tested.html", active="alerts", hx=is_htmx(request.scope), name=one.form.name, answer=answer
    )


@get("/alerts/channels/{channel_id:int}/remove", include_in_schema=False)
async def ask_remove_channel(
    request: WebRequest, channel_id: FromPath[int], alert_channels: NamedDependency[Channels]
) -> Template:
    """What removing it means."""
    one = alert_channels.get(channel_id)
    return render(
        request,
        "remove.html",
        active="alerts",
        hx=is_htmx(request.scope),
        target=one.form.name,
        action=f"/alerts/channels/{channel_id}/remove",
        back="/alerts/channels",
        items=[],
        consequences=["Nothing more is sent to it, what waits included. The log of what was sent to it is deleted."],
    )


@post("/alerts/channels/{channel_id:int}/remove", status_code=200, include_in_schema=False)
async def remove_channel(
    request: WebRequest, channel_id: FromPath[int], alert_channels: NamedDependency[Channels]
) -> Answer:
    """Remove it."""
    await alert_channels.remove(channel_id)
    return done(request, "/alerts/channels")


@get("/alerts/windows/new", include_in_schema=False)
async def new_window(request: WebRequest) -> Template:
    """An empty form."""
    return _window_form(request, texts_of(WindowForm(name="")))


@post("/alerts/windows", status_code=200, include_in_schema=False)
async def create_window(request: WebRequest, data: Form, alert_windows: NamedDependency[Windows]) -> Answer:
    """Add it."""
    try:
        await alert_windows.create(read_form(WindowForm, data))
    except Refusal as refusal:
        return _window_form(request, typed_texts(WindowForm, data), refusal=refusal)
    return done(request, "/alerts/channels")


@get("/alerts/windows/{window_id:int}/edit", include_in_schema=False)
async def edit_window(
    request: WebRequest, window_id: FromPath[int], alert_windows: NamedDependency[Windows]
) -> Template:
    """The form with what it says now."""
    one = alert_windows.get(window_id)
    return _window_form(request, texts_of(one.form), one)


@post("/alerts/windows/{window_id:int}", status_code=200, include_in_schema=False)
async def change_window(
    request: WebRequest, window_id: FromPath[int], data: Form, alert_windows: NamedDependency[Windows]
) -> Answer:
    """Save it."""
    one = alert_windows.get(window_id)
    try:
        await alert_windows.change(window_id, read_form(WindowForm, data), revision_in(data))
    except Absent:
        raise
    except Refusal as refusal:
        return _window_form(request, typed_texts(WindowForm, data), one, refusal)
    return done(request, "/alerts/channels")


@post("/alerts/windows/{window_id:int}/remove", status_code=200, include_in_schema=False)
async def remove_window(
    request: WebRequest, window_id: FromPath[int], alert_windows: NamedDependency[Windows]
) -> Answer:
    """Remove it: nothing is lost with it."""
    await alert_windows.remove(window_id)
    return done(request, "/alerts/channels")


@get("/acknowledge/{token:str}", opt={"open": True}, include_in_schema=False)
async def ask_acknowledge(
    request: WebRequest, token: FromPath[str], alerts: NamedDependency[Alerts], alert_links: NamedDependency[AckLinks]
) -> Template:
    """From a message: chat services open links by themselves, so opening it does nothing yet."""
    alert_links.message_of(token, utc_ms())
    return render(request, "alert_acknowledge.html", token=token, done=False, title="an alert")


@post("/acknowledge/{token:str}", opt={"open": True}, status_code=200, include_in_schema=False)
async def acknowledge_by_link(
    request: WebRequest, token: FromPath[str], alerts: NamedDependency[Alerts], alert_links: NamedDependency[AckLinks]
) -> Template:
    """Acknowledge the alert, once. A forged link leaves no line, as strangers' attempts don't."""
    now_ms = utc_ms()
    message_id = alert_links.message_of(token, now_ms)
    describe("acknowledge alert", who=STRANGER)
    alert_id = await alert_links.alert_of(message_id)
    try:
        use_up = partial(alert_links.use_up, message_id, now_ms)
        alert = await alerts.acknowledge(alert_id, "the link in a message", together_with=use_up)
        title = alert.rule
    except Conflict:
        title = (await alerts.get(alert_id)).rule
    return render(request, "alert_acknowledge.html", token=token, done=True, title=title)


page_routes = [
    channels_page,
    preview_wording,
    new_channel,
    create_channel,
    edit_channel,
    change_channel,
    test_channel,
    ask_remove_channel,
    remove_channel,
    new_window,
    create_window,
    edit_window,
    change_window,
    remove_window,
    ask_acknowledge,
    acknowledge_by_link,
]


def _window_form(
    request: WebRequest, texts: Mapping[str, str], one: Window | None = None, refusal: Refusal | None = None
) -> Template:
    return render_form(
        request,
        "alert_window_form.html",
        refusal,
        active="alerts",
        one=one,
        form=texts,
        fields=fields_of(WindowForm),
    )


def _url(data: Mapping[str, object]) -> str:
    sent = data.get("url", "")
    return sent[: MAX_URL + 1] if isinstance(sent, str) else ""


def _form(
    request: WebRequest, texts: Mapping[str, str], one: Channel | None = None, refusal: Refusal | None = None
) -> Template:
    return render_form(
        request,
        "alert_channel_form.html",
        refusal,
        active="alerts",
        one=None if one is None else {"id": one.id, "name": one.form.name, "url": masked(one.url)},
        revision=0 if one is None else one.revision,
        form=texts,
        groups=GROUPS,
        group=partial(columns_in, ChannelForm),
        placeholders=PLACEHOLDERS,
    )
