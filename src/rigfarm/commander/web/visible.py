"""Outside text as people may see it: nothing in it moves a cursor, turns the direction of writing, or hides.

Names are checked when they are given. What rigs, devices and mining programs say of themselves is shown as it comes,
so it is cleaned where it lands: in every value that a template puts out.
"""

from __future__ import annotations

import re

__all__ = ["visible", "visible_json"]

_UNSEEN = (
    r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f\ud800-\udfff"
)
_INVISIBLE = re.compile(f"[{_UNSEEN}]")
_INVISIBLE_JSON = re.compile(rf"(\\\\)|\\u00[01][0-9a-f]|[{_UNSEEN}]")


def visible(value: object) -> object:
    """For Jinja's `finalize`: a string without invisible characters (line ends and tabs stay), all else as it is."""
    if type(value) is str and not value.isprintable():
        return _INVISIBLE.sub("", value)
    return value


def visible_json(text: str) -> str:
    """JSON whose strings have no invisible characters."""
    if text.isprintable() and "\\u00" not in text:
        return text
    return _INVISIBLE_JSON.sub(lambda found: found[1] or "", text)
