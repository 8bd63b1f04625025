"""No page has a script, a style or a handler in its text: under our policy a browser would not run it, and nobody
who gets text into a page gets code into it."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from support.gallery.pages import Gallery

GALLERY = Gallery()
DATA = "application/json"


class Findings(HTMLParser):
    """What a policy without 'unsafe-inline' forbids, and what is wrong in any page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given and given.get("type") != DATA):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if name == "style" or name.startswith(("on", "hx-on")):
                self.found.append(f"<{tag} {name}>")
            if name in ("href", "src", "action") and (value or "").lower().strip().startswith("javascript:"):
                self.found.append(f"<{tag} {name}={value}>")
            if name in ("hx-vals", "hx-headers", "hx-confirm") and (value or "").startswith(("js:", "javascript:")):
                self.found.append(f"<{tag} {name}={value}>")
            if name == "hx-trigger" and "[" in (value or ""):
                self.found.append(f"<{tag} {name}={value}>")  # a filter is evaluated as a script
        if "id" in given:
            self.ids.append(given["id"] or "")
        self.references += [
            given[name] or "" for name in ("for", "aria-labelledby", "aria-describedby") if name in given
        ]
        if tag in ("script", "link", "img") and given.get("type") != DATA:
            self.links.append(given.get("src") or given.get("href") or "")


@pytest.fixture(params=GALLERY.names())
def findings(request: pytest.FixtureRequest) -> Findings:
    found = Findings()
    found.feed(GALLERY.render(request.param))
    return found


def test_nothing_is_inline(findings: Findings) -> None:
    assert findings.found == []


def test_ids_are_distinct_and_references_lead_somewhere(findings: Findings) -> None:
    assert len(findings.ids) == len(set(findings.ids))
    known = {*findings.ids, "dialog-title"}  # comes with what is put into the dialog
    assert [one for one in findings.references if one not in known] == []


def test_files_come_from_here(findings: Findings) -> None:
    assert [link for link in findings.links if not link.startswith("/static/")] == []
    assert [link for link in findings.links if "?v=" not in link] == [], "make install brings the front-end files"
