"""Messages as operators word them: a closed set of placeholders, none of which stands for anything secret."""

from __future__ import annotations

from collections.abc import Mapping

from rigfarm.commander.alerts.delivery.model import ChannelForm
from rigfarm.commander.alerts.delivery.texts import Urls, headline, lasted, message, shared, state
from rigfarm.commander.alerts.model import Alert
from rigfarm.wire.template import TemplateError, fill, names_in

__all__ = ["MAX_BODY", "MAX_TITLE", "worded"]

MAX_TITLE = 200
MAX_BODY = 4_000


def _values(alert: Alert, what: str, now_ms: int, urls: Urls) -> dict[str, str]:
    return {
        "STATE": state(alert, what),
        "WHO": headline(alert),
        "WHAT": alert.text,
        "RULE": alert.rule,
        "RIGS": str(alert.rigs),
        "SHARED": shared(alert),
        "LASTED": lasted(alert, now_ms),
        "ENDING": alert.ending,
        "ALERT_URL": urls.alert,
        "RIG_URL": urls.rig,
        "ACKNOWLEDGE_URL": urls.acknowledge if alert.open else "",
    }


def worded(form: ChannelForm, alert: Alert, what: str, now_ms: int, urls: Urls) -> tuple[str, str]:
    """(title, body) about one alert in the channel's wording; the usual one where it has none, or can't be used."""
    usual = title, body = message(alert, what, now_ms, urls)
    values = _values(alert, what, now_ms, urls)
    try:
        if form.title_template:
            title = " ".join(_filled(form.title_template, values).split())[:MAX_TITLE]
        if form.body_template:
            body = _filled(form.body_template, values)[:MAX_BODY]
    except TemplateError as error:
        title, body = usual
        body += f"\nThe wording of this channel could not be used: {error}."
    return title, body


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Lines all of whose placeholders are empty are left out."""
    lines = [
        fill(line, values)
        for line in template.splitlines()
        if not (names := names_in(line)) or any(values.get(name, "?") for name in names)
    ]
    text = "\n".join(lines).strip()
    if not text:
        raise TemplateError("nothing was left of it")
    return text
