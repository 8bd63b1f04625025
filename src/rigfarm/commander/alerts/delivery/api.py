"""The JSON API of what is sent about alerts: channels and maintenance windows."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from rigfarm.commander.alerts.delivery.channels import Channels
from rigfarm.commander.alerts.delivery.model import MAX_URL, Channel, ChannelForm, Message, MessageState, masked
from rigfarm.commander.alerts.delivery.windows import Window, WindowForm, Windows, window_end
from rigfarm.commander.asked import OfRigs
from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.fields import Changes, changes_of
from rigfarm.commander.numbers import MAX_NUMBER
from rigfarm.commander.web.conditional import IF_MATCH
from rigfarm.commander.web.paging import LIMIT, After, Limit, loaded_page, number_after, one_page
from rigfarm.common.clock import moment, utc_ms

__all__ = ["delivery_routes"]

REVISED = "Fields that are left out don't change. `revision`: refuse if someone else has changed it since."


class ChannelAnswer(ChannelForm, frozen=True, kw_only=True):
    """One channel, without its URL."""

    id: int
    service: str
    """The kind of service: `ntfys://…`."""
    revision: int
    updated_at: datetime


class NewChannel(ChannelForm, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A channel. `url` is a secret, and never shown again."""

    url: Annotated[str, Meta(max_length=MAX_URL)]


class WindowAnswer(WindowForm, frozen=True, kw_only=True):
    """One maintenance window: nothing is sent about its rigs meanwhile."""

    id: int
    revision: int
    updated_at: datetime
    now_until: datetime | UnsetType = UNSET
    """When it ends, if it is now."""


class NewWindow(WindowForm, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`repeats` is `once`, with a `date`, or `weekly`, with `days`. Without `kind`, `q` and `rigs`: for all rigs."""


class TestAnswer(Struct):
    """What a service answered to a test message."""

    ok: bool
    answer: str


class MessageAnswer(Struct, omit_defaults=True):
    """A message about an alert to a channel."""

    id: int
    alert: int
    channel: int
    what: str
    """`firing`, `again`, `escalated` or `resolved`"""
    state: MessageState
    created_at: datetime
    due_at: datetime
    """When it is sent, or tried again."""
    attempts: int = 0
    answer: str = ""
    """What the service answered last, or why nothing was sent."""
    sent_at: datetime | UnsetType = UNSET


if TYPE_CHECKING:

    class ChannelChange(Changes):
        """See below: made of the fields of ChannelForm."""

        url: str | UnsetType = UNSET
        revision: int | UnsetType = UNSET

    class WindowChange(Changes):
        """See below: made of the fields of WindowForm."""

        revision: int | UnsetType = UNSET

else:
    ChannelChange = changes_of(
        "ChannelChange", ChannelForm, REVISED, url=Annotated[str, Meta(max_length=MAX_URL)], revision=int
    )
    WindowChange = changes_of("WindowChange", WindowForm, REVISED, revision=int)


@get("/api/alert-channels", summary="List alert channels", tags=["alerts"])
async def list_channels(
    request: Request[Any, Any, Any], alert_channels: NamedDependency[Channels], limit: Limit = LIMIT, after: After = ""
) -> Response[list[ChannelAnswer]]:
    """Without their URLs."""
    found = list(alert_channels.channels.values())
    return one_page(request, found, limit, after, key=lambda one: one.id, answer=_channel_answer)


@get("/api/alert-channels/messages", summary="List messages that were sent to alert channels, or will be",
     tags=["alerts"])  # fmt: skip
async def list_messages(
    request: Request[Any, Any, Any],
    alert_channels: NamedDependency[Channels],
    of_rigs: NamedDependency[OfRigs],
    channel: Annotated[int | None, QueryParameter(ge=0, le=MAX_NUMBER, description="Only to this one.")] = None,
    alert: Annotated[int | None, QueryParameter(ge=0, le=MAX_NUMBER, description="Only about this one.")] = None,
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[MessageAnswer]]:
    """Newest first. Those about an alert are kept as long as the alert."""
    found = await alert_channels.messages(
        limit + 1, alert_id=alert, channel_id=channel, before=number_after(after), rigs=of_rigs.ids
    )
    return loaded_page(request, found, limit, cursor=lambda one: str(one.id), answer=_message_answer)


@post("/api/alert-channels", opt=CONFIGURE, status_code=201, summary="Add an alert channel", tags=["alerts"])
async def create_channel(data: JSONBody[NewChannel], alert_channels: NamedDependency[Channels]) -> ChannelAnswer:
    """Nothing that fired before is sent to it."""
    return _channel_answer(await alert_channels.create(ChannelForm(**_values(data, ChannelForm)), data.url))


@get("/api/alert-channels/{channel_id:int}", summary="One alert channel", tags=["alerts"])
async def get_channel(channel_id: FromPath[int], alert_channels: NamedDependency[Channels]) -> ChannelAnswer:
    """Without its URL."""
    return _channel_answer(alert_channels.get(channel_id))


@patch("/api/alert-channels/{channel_id:int}", opt=CONFIGURE, summary="Change an alert channel", tags=["alerts"])
async def change_channel(
    channel_id: FromPath[int], data: JSONBody[ChannelChange], alert_channels: NamedDependency[Channels]
) -> ChannelAnswer:
    """Without `url`, the stored one stays."""
    stored = alert_channels.get(channel_id)
    url = "" if data.url is UNSET else data.url
    revision = stored.revision if data.revision is UNSET else data.revision
    return _channel_answer(await alert_channels.change(channel_id, data.over(stored.form), url, revision))


@delete("/api/alert-channels/{channel_id:int}", opt=CONFIGURE | IF_MATCH, summary="Remove an alert channel",
        tags=["alerts"])  # fmt: skip
async def delete_channel(channel_id: FromPath[int], alert_channels: NamedDependency[Channels]) -> None:
    """With the log of what was sent to it."""
    await alert_channels.remove(channel_id)


@post("/api/alert-channels/{channel_id:int}/test", opt=CONFIGURE, status_code=200, summary="Test an alert channel",
      tags=["alerts"])  # fmt: skip
async def test_channel(channel_id: FromPath[int], alert_channels: NamedDependency[Channels]) -> TestAnswer:
    """Sends a message, and says what the service answered."""
    found = await alert_channels.test(channel_id)
    return TestAnswer(found.ok, found.answer)


@get("/api/maintenance-windows", summary="List maintenance windows", tags=["alerts"])
async def list_windows(
    request: Request[Any, Any, Any], alert_windows: NamedDependency[Windows], limit: Limit = LIMIT, after: After = ""
) -> Response[list[WindowAnswer]]:
    """Those that are over as well, until they are removed."""
    found = list(alert_windows.windows.values())
    return one_page(request, found, limit, after, key=lambda one: one.id, answer=_window_answer)


@post("/api/maintenance-windows", opt=CONFIGURE, status_code=201, summary="Add a maintenance window", tags=["alerts"])
async def create_window(data: JSONBody[NewWindow], alert_windows: NamedDependency[Windows]) -> WindowAnswer:
    """What is wrong with its rigs is found all the same, and what still lasts is sent when it ends."""
    return _window_answer(await alert_windows.create(WindowForm(**_values(data, WindowForm))))


@get("/api/maintenance-windows/{window_id:int}", summary="One maintenance window", tags=["alerts"])
async def get_window(window_id: FromPath[int], alert_windows: NamedDependency[Windows]) -> WindowAnswer:
    """Also when it is over."""
    return _window_answer(alert_windows.get(window_id))


@patch("/api/maintenance-windows/{window_id:int}", opt=CONFIGURE, summary="Change a maintenance window",
       tags=["alerts"])  # fmt: skip
async def change_window(
    window_id: FromPath[int], data: JSONBody[WindowChange], alert_windows: NamedDependency[Windows]
) -> WindowAnswer:
    """What waits for its end waits for the new one, or is sent now."""
    stored = alert_windows.get(window_id)
    revision = stored.revision if data.revision is UNSET else data.revision
    return _window_answer(await alert_windows.change(window_id, data.over(stored.form), revision))


@delete("/api/maintenance-windows/{window_id:int}", opt=CONFIGURE | IF_MATCH, summary="Remove a maintenance window",
        tags=["alerts"])  # fmt: skip
async def delete_window(window_id: FromPath[int], alert_windows: NamedDependency[Windows]) -> None:
    """Ends it, if it is now: what waits for its end is sent."""
    await alert_windows.remove(window_id)


delivery_routes = [
    list_channels,
    list_messages,
    create_channel,
    get_channel,
    change_channel,
    delete_channel,
    test_channel,
    list_windows,
    create_window,
    get_window,
    change_window,
    delete_window,
]


def _values(body: Struct, form: type[Struct]) -> dict[str, Any]:
    return {name: getattr(body, name) for name in form.__struct_fields__}


def _channel_answer(channel: Channel) -> ChannelAnswer:
    return ChannelAnswer(
        **asdict(channel.form),
        id=channel.id,
        service=masked(channel.url),
        revision=channel.revision,
        updated_at=moment(channel.updated_ms),
    )


def _message_answer(one: Message) -> MessageAnswer:
    return MessageAnswer(
        id=one.id,
        alert=one.alert_id,
        channel=one.channel_id,
        what=one.what.partition("-")[0],
        state=one.state,
        created_at=moment(one.created_ms),
        due_at=moment(one.due_ms),
        attempts=one.attempts,
        answer=one.answer,
        sent_at=UNSET if one.sent_ms is None else moment(one.sent_ms),
    )


def _window_answer(window: Window) -> WindowAnswer:
    end = window_end(window.form, utc_ms())
    return WindowAnswer(
        **asdict(window.form),
        id=window.id,
        revision=window.revision,
        updated_at=moment(window.updated_ms),
        now_until=UNSET if end is None else moment(end),
    )
