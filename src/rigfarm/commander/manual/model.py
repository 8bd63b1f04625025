"""What the manual says: chapters out of Markdown files, their sections, and a search in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from msgspec import Struct

from rigfarm.commander.refusals import Absent

__all__ = ["PARTS", "Chapter", "Found", "Manual", "Section", "folder"]

PARTS: Mapping[str, Sequence[str]] = {
    "Set up": ["running-a-commander", "joining-a-rig", "asics", "playbooks", "backup", "upgrade", "scale"],
    "Every day": ["search", "circuits", "commands", "alerts", "history", "reports"],
    "Move in": [f"coming-from-{one}" for one in ("hiveos", "awesome-miner", "foreman", "mining-rig-monitor")],
    "Other tools": ["api", "cli", "metrics", "mqtt", "webhooks"],
    "Reference": ["settings", "security"],
    "How it is built": ["architecture", "adding-a-mining-program", "performance", "reliability", "mutants"],
}
"""The chapters in the order in which they are listed."""
MOST_FOUND = 30
AROUND = 70
"""Characters of a section that are shown before and after what was found."""

_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


class Section(Struct, frozen=True):
    """What stands below a heading. `anchor` is its place in the chapter; the chapter's title has none."""

    anchor: str
    title: str
    level: int
    text: str


class Chapter(Struct, frozen=True):
    """A file, drawn."""

    name: str
    title: str
    html: Markup
    sections: tuple[Section, ...]


class Found(Struct, frozen=True):
    """A section in which every word was found."""

    href: str
    chapter: str
    title: str
    before: str
    word: str
    after: str


def folder() -> Path:
    """Where the files are: in the package, where it was built as a release; else in the checkout."""
    packaged = Path(__file__).with_name("data")
    return packaged if packaged.is_dir() else Path(__file__).parents[4] / "docs"


class Manual:
    """Chapters are drawn when they are first asked for: all of them take half a second."""

    def __init__(self, files: Path) -> None:
        self._files = files
        self._drawn: dict[str, Chapter] = {}

    @cached_property
    def contents(self) -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
        """(part, [(chapter, its title)]) of the files that there are."""
        there = {part: [(one, self._title(one)) for one in names if self._has(one)] for part, names in PARTS.items()}
        return [(part, some) for part, some in there.items() if some]

    def chapter(self, name: str) -> Chapter:
        """A chapter. Absent."""
        if not any(name in names for names in PARTS.values()) or not self._has(name):
            raise Absent("The manual has no such chapter.")
        if name not in self._drawn:
            self._drawn[name] = _chapter(name, self._read(name))
        return self._drawn[name]

    def find(self, text: str) -> list[Found]:
        """Sections that have every word of a text: first those that have them in their titles."""
        words = text.casefold().split()
        if not words:
            return []
        found: list[tuple[bool, Found]] = []
        for _, chapters in self.contents:
            for name, _ in chapters:
                chapter = self.chapter(name)
                for one in chapter.sections:
                    title, body = f"{chapter.title} {one.title}".casefold(), one.text.casefold()
                    if all(word in title or word in body for word in words):
                        in_title = all(word in title for word in words)
                        found.append((not in_title, _found(chapter, one, words)))
        return [one for _, one in sorted(found, key=lambda one: one[0])][:MOST_FOUND]

    def _has(self, name: str) -> bool:
        return (self._files / f"{name}.md").is_file()

    def _read(self, name: str) -> str:
        return (self._files / f"{name}.md").read_text(encoding="utf-8")

    def _title(self, name: str) -> str:
        return self._read(name).partition("\n")[0].lstrip("# ")


def _found(chapter: Chapter, section: Section, words: Sequence[str]) -> Found:
    text, word, at = section.text, "", 0
    for one in words:
        place = text.casefold().find(one)
        if place >= 0:
            at, word = place, text[place : place + len(one)]
            break
    begin, end = max(at - AROUND, 0), at + len(word)
    return Found(
        href=f"/help/{chapter.name}" + (f"#{section.anchor}" if section.anchor else ""),
        chapter=chapter.title,
        title=section.title,
        before=("… " if begin else "") + text[begin:at],
        word=word,
        after=text[end : end + AROUND] + (" …" if end + AROUND < len(text) else ""),
    )


def _chapter(name: str, text: str) -> Chapter:
    tokens = _markdown.parse(text)
    sections = tuple(_sections(tokens))
    _link(tokens)
    html = Markup(_markdown.renderer.render(tokens, _markdown.options, {}))  # noqa: S704 - ours, and without raw HTML
    return Chapter(name, sections[0].title, html, sections)


def _sections(tokens: Sequence[Token]) -> Iterator[Section]:
    """Each heading is given its anchor."""
    anchor, title, level, words = "", "", 1, list[str]()
    taken: set[str] = set()
    begun = False
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            if begun:
                yield Section(anchor, title, level, " ".join(words))
            title, level, words, begun = _plain(tokens[at + 1]), int(token.tag[1]), [], True
            anchor = "" if level == 1 else _anchor(title, taken)
            if anchor:
                token.attrSet("id", anchor)
        elif token.type in ("inline", "fence", "code_block") and tokens[at - 1].type != "heading_open":
            words.append(" ".join(_plain(token).split()))
    yield Section(anchor, title, level, " ".join(words))


def _plain(token: Token) -> str:
    """A token's text without what marks it up."""
    if token.children is None:
        return token.content
    return "".join(" " if one.type in ("softbreak", "hardbreak") else one.content for one in token.children)


def _anchor(title: str, taken: set[str]) -> str:
    """As those who host Markdown make them, since the files link to one another by these."""
    base = re.sub(r"[^\w\- ]", "", title.casefold()).replace(" ", "-")
    found, n = base, 0
    while found in taken:
        n += 1
        found = f"{base}-{n}"
    taken.add(found)
    return found


def _link(tokens: Sequence[Token]) -> None:
    """Links between files become links between chapters; those to other files of the project, plain text."""
    for token in tokens:
        open_links: list[Token] = []
        for one in token.children or ():
            if one.type == "link_open":
                href, _, anchor = str(one.attrGet("href") or "").partition("#")
                if href.endswith(".md") and "/" not in href:
                    one.attrSet("href", f"/help/{href.removesuffix('.md')}" + (f"#{anchor}" if anchor else ""))
                elif href.startswith("../"):
                    one.tag, one.attrs = "code", {}
                elif href:
                    one.attrSet("rel", "noopener noreferrer")
                open_links.append(one)
            elif one.type == "link_close" and open_links:
                one.tag = open_links.pop().tag
