"""Files of other products, read: one module for each product."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rigfarm.commander.imports.model import SOURCES, Found, Source
from rigfarm.commander.imports.sources import awesome_miner, foreman, hiveos
from rigfarm.commander.imports.sources.document import Document, document_of, text_of
from rigfarm.commander.refusals import Invalid

__all__ = ["MAX_FILES", "Document", "document_of", "read", "text_of"]

MAX_FILES = 8
_READ: Mapping[Source, Callable[[Sequence[Document]], Found]] = {
    "hiveos": hiveos.read,
    "awesome-miner": awesome_miner.read,
    "foreman": foreman.read,
}
_KNOWS: Mapping[Source, Callable[[Document], bool]] = {
    "foreman": foreman.knows,
    "awesome-miner": awesome_miner.knows,
    "hiveos": hiveos.knows,
}
"""The first that knows a file is the one that wrote it."""


def read(documents: Sequence[Document], source: Source | None) -> Found:
    """What files of one product contain; `source` None: find out which. Invalid, of the field `file`."""
    if not documents:
        raise Invalid("Choose a file, or paste its text.", field="file")
    if len(documents) > MAX_FILES:
        raise Invalid(f"At most {MAX_FILES} files at once.", field="file")
    sources = [source or _source_of(one) for one in documents]
    if len(set(sources)) > 1:
        names = " and ".join(sorted({SOURCES[one] for one in sources}))
        raise Invalid(f"These are files of {names}: import those of one product at a time.", field="file")
    found = _READ[sources[0]](documents)
    if not found.items:
        raise Invalid("There is nothing to import in this file.", field="file")
    notes = [one.note for one in documents if one.note] + found.notes
    return Found(found.source, found.items, list(dict.fromkeys(notes)))


def _source_of(document: Document) -> Source:
    for source, knows in _KNOWS.items():
        if knows(document):
            return source
    raise Invalid(
        "It isn't clear where this file is from: choose the product. A CSV needs a first row with the names of its "
        "columns.",
        field="file",
    )
