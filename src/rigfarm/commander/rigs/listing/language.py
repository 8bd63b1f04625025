"""The language of the search box: words to be found, and conditions such as `coin:XMR temp>80 -tag:test`.

The same text means the same rigs on pages, in the API, in what is done to many rigs, and in an alert rule's scope.
A condition about what is unknown of a rig does not hold; its opposite (`-temp>80`) does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from msgspec import Struct

from rigfarm.commander.refusals import NotUnderstood
from rigfarm.commander.rigs.listing.fields import FIELDS, Check, NumberField
from rigfarm.common.text import printable

__all__ = ["MAX_SEARCH", "SearchMistake", "Term", "Wanted", "parse", "parse_kept"]

MAX_SEARCH = 300
"""Characters of a search."""
MAX_TERMS = 30
"""Conditions of a search; each further value of one, and each * in it, counts as one: a search of ten thousand rigs is
over in a moment."""
_TERM = re.compile(
    r"(?P<not>-?)"
    r"(?:(?P<field>[A-Za-z_]+)(?P<op>!=|>=|<=|[:=<>])(?P<value>(?:\"[^\"]*\"|[^\s\"])*)|\"(?P<phrase>[^\"]*)\"|(?P<word>[^\s\"]+))"
    r"(?=\s|$)"
)
_HEX = re.compile(r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{0,2}){1,7}")
"""A MAC address, or its beginning, is a word."""


class SearchMistake(NotUnderstood):
    """A search that means nothing; it names the condition, and where it begins."""

    def __init__(self, text: str, at: int | None = None) -> None:
        super().__init__(text, field="filter", position=None if at is None else at + 1)


class Term(Struct, frozen=True):
    """One condition, as it was written. `word` is what the text of a rig must contain, where `of_field` is None. A
    `brief` one needs neither the rig's log nor its specs."""

    text: str
    negative: bool
    word: str = ""
    of_field: Check | None = None
    brief: bool = False

    def check(self, has_word: Callable[[str], Check]) -> Check:
        """Whether it holds for a rig; `has_word` is the condition for a word."""
        found = self.of_field or has_word(self.word)
        return found.turned() if self.negative else found


class Wanted(Struct, frozen=True):
    """Conditions that must all hold; none: every rig."""

    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    @property
    def reads_logs(self) -> bool:
        """Whether more of a rig is asked for than what its log added to the totals, its state, its name and labels."""
        return not all(term.brief for term in self.terms)

    def checks(self, has_word: Callable[[str], Check]) -> list[Check]:
        """What must hold for a rig; `has_word` is the condition for a word."""
        return [term.check(has_word) for term in self.terms]

    def without(self, one: Term) -> str:
        """The search without one of its conditions."""
        return " ".join(term.text for term in self.terms if term is not one)


@lru_cache(maxsize=256)
def parse(text: str) -> Wanted:
    """What a search asks for. SearchMistake, in words that name the condition."""
    if len(text) > MAX_SEARCH:
        raise SearchMistake(f"A search has at most {MAX_SEARCH} characters.", MAX_SEARCH)
    terms: list[Term] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _TERM.match(text, at)
        if found is None:
            raise SearchMistake(f"{_shown(text[at:])}: a quotation mark is missing, or has no space behind it.", at)
        terms.append(_term(found))
        at = found.end()
    if sum(1 + term.text.count(",") + term.text.count("*") for term in terms) > MAX_TERMS:
        raise SearchMistake(f"A search has at most {MAX_TERMS} conditions; each value and each * counts.")
    return Wanted(tuple(terms))


def parse_kept(text: str) -> Wanted:
    """The same of a search that was stored: one that means nothing in this version is words."""
    try:
        return parse(text)
    except SearchMistake:
        return Wanted(tuple(Term(word, False, word.casefold()) for word in text.split()))


def _term(found: re.Match[str]) -> Term:
    text, negative, name = found[0], bool(found["not"]), found["field"]
    bare = text[negative:]
    if name is None or _HEX.fullmatch(bare):
        word = bare if found["phrase"] is None else found["phrase"]
        if not word.strip():
            raise SearchMistake(f"{_shown(text)}: there is nothing between the quotation marks.", found.start())
        if found["phrase"] is None and word.startswith("-"):
            raise SearchMistake(
                f"{_shown(text)}: write one - and no space before what it negates, for example -name:test. "
                "To find a hyphen, put it in quotation marks.",
                found.start(),
            )
        return Term(text, negative, word.casefold())
    field = FIELDS.get(name.casefold())
    if field is None:
        raise SearchMistake(
            f"{_shown(text)}: there is no field {_shown(name)}. Fields: {', '.join(FIELDS)}. "
            "To find it as it stands, put it in quotation marks.",
            found.start(),
        )
    try:
        value = found["value"]
        brief = field.brief and not (isinstance(field, NumberField) and field.of_ratio and "%" in value)
        return Term(text, negative, of_field=field.check(found["op"], value), brief=brief)
    except NotUnderstood as error:
        raise SearchMistake(f"{_shown(text)}: {error}.", found.start()) from None


def _shown(text: str) -> str:
    return printable(text, "?", most=60)
