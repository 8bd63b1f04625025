r"""A mining program's arguments from a template: one function for the Commander's preview and the Sentry's exec.

A template is split as a POSIX shell splits words (blanks, newlines, quotes, backslashes), and only then `$NAME` and
`${NAME}` are replaced, inside quotes too. So a value is always a part of one argument: it is never two, never a command
and, where it begins an argument, never an option. No shell is involved; `;`, `|`, `>` and backquotes mean nothing.
`$$` and `\$` are a plain `$`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from functools import lru_cache

from rigfarm.wire.limits import MAX_ARGUMENT_CHARS, MAX_TEMPLATE_CHARS
from rigfarm.wire.playbooks import AssignedPlaybook

__all__ = [
    "API_PORT",
    "MAX_ARGUMENTS",
    "TemplateError",
    "arguments",
    "fill",
    "missing",
    "names_in",
    "placeholders",
    "render",
    "split",
]

API_PORT = "API_PORT"
"""The placeholder whose value is the Sentry's to choose."""
MAX_ARGUMENTS = 500

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PLACEHOLDER = re.compile(rf"\$(?:(?P<dollar>\$)|(?P<bare>{_NAME})|\{{(?P<braced>{_NAME})\}}|(?P<stray>))")
_ESCAPE = re.compile(r"\\(\r?\n|[\s\S])")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class TemplateError(ValueError):
    """No safe arguments come of this template or value. The text is for the operator: what is wrong, what to do."""


def arguments(playbook: AssignedPlaybook, api_port: int) -> list[str]:
    """All arguments of a playbook's program, without the program itself.

    The arguments that switch the stats API on come last, unless the template itself mentions `$API_PORT`.
    Raises TemplateError.
    """
    values = {**playbook.variables, API_PORT: str(api_port)}
    found = render(playbook.template, values)
    return found if API_PORT in placeholders(playbook.template) else found + render(playbook.api_arguments, values)


def render(template: str, values: Mapping[str, str]) -> list[str]:
    """The template's arguments with their values. Raises TemplateError; its text never contains a value."""
    words = split(template)
    if names := missing(template, values):
        verb = "has" if len(names) == 1 else "have"
        raise TemplateError(f"{_listed(names)} {verb} no value: give one, or take it out of the template")
    return [_filled(word, values) for word in words]


def placeholders(template: str) -> list[str]:
    """Names in the order in which they first appear. Raises TemplateError."""
    return list(dict.fromkeys(name for word in split(template) for name in names_in(word)))


def names_in(text: str) -> list[str]:
    """Names in a text that is read by people, and so not split into words. Raises TemplateError."""
    found = list(_PLACEHOLDER.finditer(text))
    if any(match["stray"] is not None for match in found):
        raise TemplateError("a $ begins no placeholder: write $$ for a plain $")
    return [name for match in found if (name := match["bare"] or match["braced"])]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Such a text with its values, which may be empty. Raises TemplateError."""
    if unknown := [name for name in names_in(text) if name not in values]:
        raise TemplateError(f"{_listed(unknown)} {'is' if len(unknown) == 1 else 'are'} not known here")
    return _PLACEHOLDER.sub(lambda match: _plain(match, values), text)


def missing(template: str, values: Mapping[str, str]) -> list[str]:
    """The placeholders that have no value, or an empty one. Raises TemplateError."""
    return [name for name in placeholders(template) if not values.get(name)]


@lru_cache(maxsize=256)
def split(template: str) -> tuple[str, ...]:
    """The words of a template, placeholders still in them. Raises TemplateError."""
    if len(template) > MAX_TEMPLATE_CHARS:
        raise TemplateError(f"the template is longer than {MAX_TEMPLATE_CHARS} characters")
    try:
        words = shlex.split(_ESCAPE.sub(_unescaped, template))
    except ValueError:
        raise TemplateError("the template opens a quotation mark and never closes it, or ends in a backslash") from None
    if len(words) > MAX_ARGUMENTS:
        raise TemplateError(f"the template has more than {MAX_ARGUMENTS} arguments")
    for word in words:
        _check_word(word)
    return tuple(words)


def _unescaped(match: re.Match[str]) -> str:
    """A backslash at a line's end joins the lines; an escaped `$` is a plain one; the rest is shlex's."""
    if match[1] in ("\n", "\r\n"):
        return ""
    return "$$" if match[1] == "$" else match[0]


def _check_word(word: str) -> None:
    if _UNPRINTABLE.search(word):
        raise TemplateError("an argument of the template contains a line break or control character: remove it")
    if any(match["stray"] is not None for match in _PLACEHOLDER.finditer(word)):
        raise TemplateError(f"{word!r} has a $ that begins no placeholder: write $$ for a plain $")


def _filled(word: str, values: Mapping[str, str]) -> str:
    grown = sum(len(_plain(match, values)) - len(match[0]) for match in _PLACEHOLDER.finditer(word))
    if len(word) + grown > MAX_ARGUMENT_CHARS:  # before it is made: a short template can name a long value very often
        raise TemplateError(f"an argument becomes longer than {MAX_ARGUMENT_CHARS} characters: shorten its values")
    argument = _PLACEHOLDER.sub(lambda match: _value(match, values), word)
    first = _PLACEHOLDER.match(word)
    if first is not None and first["dollar"] is None and argument.startswith("-"):
        name = first["bare"] or first["braced"]
        raise TemplateError(f"the value of ${name} begins with '-': the program would take it for an option; change it")
    return argument


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    value = _plain(match, values)
    if _UNPRINTABLE.search(value):
        name = match["bare"] or match["braced"]
        raise TemplateError(f"the value of ${name} contains a line break or control character: remove it")
    return value


def _plain(match: re.Match[str], values: Mapping[str, str]) -> str:
    return "$" if match["dollar"] is not None else values[match["bare"] or match["braced"]]


def _listed(names: list[str]) -> str:
    return ", ".join(f"${name}" for name in names)
