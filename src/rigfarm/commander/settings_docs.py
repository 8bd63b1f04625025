"""Writes the table of docs/settings.md: `python -m rigfarm.commander.settings_docs docs/settings.md`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
from msgspec import NODEFAULT, Meta

from rigfarm.commander.settings import ENVIRONMENT_PREFIX, Settings

__all__ = ["settings_table", "with_table"]

BEGIN = "<!-- begin settings -->"
END = "<!-- end settings -->"


def settings_table() -> str:
    """All settings as a Markdown table, in the Struct's order."""
    hints = get_type_hints(Settings, include_extras=True)
    rows = ["| setting | environment | default | what it does |", "|---|---|---|---|"]
    for field in msgspec.structs.fields(Settings):
        meta = next(part for part in get_args(hints[field.name]) if isinstance(part, Meta))
        variable = ENVIRONMENT_PREFIX + field.name.upper()
        rows.append(f"| `{field.name}` | `{variable}` | {_default(field)} | {meta.description} |")
    return "\n".join(rows)


def with_table(text: str) -> str:
    """The page with the table between its marks replaced."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{settings_table()}\n{END}{after}"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.name == "data_dir":
        return "`~/.local/share/rigfarm/commander`"
    value = field.default if field.default is not NODEFAULT else field.default_factory()
    return "none" if value is None or value == [] else f"`{value}`"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")
