"""What a template puts out is what people see: no control characters, and nothing that turns or hides text."""

from __future__ import annotations

import jinja2
import msgspec
import pytest
from markupsafe import Markup

from rigfarm.commander.web.assets import add_helpers, json_data
from rigfarm.commander.web.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rig-01 Ä 中文 🐟", "rig-01 Ä 中文 🐟"),
        ("\x1b[31mred\x1b[0m\x07", "[31mred[0m"),
        ("\u202egnol\u202c\u2066\u200b\ufeff", "gnol"),
        ("two\nlines\tand a tab\r\n", "two\nlines\tand a tab\r\n"),
        ("12\u202f345", "12\u202f345"),
        ("\x00\x7f\x9b\ud800", ""),
    ],
)
def test_only_what_can_be_seen_is_left(text: str, shown: str) -> None:
    assert visible(text) == shown
    environment = jinja2.Environment(autoescape=True)
    add_helpers(environment)
    assert environment.from_string("{{ text }}|{{ text | trim }}").render(text=text).startswith(f"{shown}|")


def test_markup_and_numbers_stay_as_they_are() -> None:
    markup = Markup("<b>\u202e</b>")
    assert visible(markup) is markup
    assert visible(7) == 7


@pytest.mark.parametrize("text", ["\x1b[31m\u202ex", "a\\u001bb", "\\\x1b", '"\\\\\x07"', "plain", "\n\t"])
def test_json_in_a_page_says_the_same_without_what_is_invisible(text: str) -> None:
    shown = json_data([text, {text: 1.5}])
    cleaned = visible(text)
    assert msgspec.json.decode(shown.encode()) == [cleaned, {cleaned: 1.5}]
