"""Names that nothing uses, as `make lint` reports them: vulture reads the code, and here it learns what it cannot see.

A name counts as used too when a template or a script of the pages says it, or when SEEN_ELSEWHERE names it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
PAGES = ("*.html", "*.js")
DECORATORS = ["@*.command", "@*.command(*", "@*.group", "@hookimpl"]
SEEN_ELSEWHERE = {
    "__call__",
    # Overridden or set for a library, which calls or reads it.
    "auto_open", "capture_signals", "close_connection", "connect_unix_socket", "daemon_threads", "do_GET", "do_POST",
    "finalize",
    "format_commands", "handle_parser_exception", "handle_ping", "isolation_level", "log_message", "max_message_size",
    "num_tickets", "process_redirect", "protocol_version", "security", "text_factory", "timeout_keep_alive",
    "ws_protocol_class", "socket_connect_timeout", "socket_read_timeout", "_content_consumed",
    "connect_timeout", "on_connect", "on_disconnect", "on_socket_close", "operation_class", "load_bytecode", "examples",
    "dump_bytecode",
    # Found by being there.
    "ADAPTER",
    # Boxes of a form, which are scopes.
    "operate",
    # What is published by MQTT.
    "efficiency_h_per_j", "shares_accepted", "shares_rejected", "rigs_up", "rigs_attention",
    # What the API answers.
    "acted_at", "assigned_at", "cpu_gpu", "due_at", "ended_at", "escalated_at", "fired_at", "first_at", "first_damage",
    "journal_commit_ms", "last_at", "last_error", "last_seen_at",
    "logs_durable", "logs_received", "longest_gc_pause_ms", "loop_lag_p99_ms", "next_check_at",
    "asic_expected_status", "light_expected_status", "now_until", "set_aside_dropped",
    "snapshot_problem",
    "snoozed_until", "state_since", "tried_at", "unexpected_errors", "unknown_rigs",
}  # fmt: skip


def main() -> int:
    """1 when there is something that nothing uses."""
    found = Vulture(ignore_decorators=DECORATORS)
    found.scavenge([str(ROOT / folder) for folder in ("src", "tests", "bench", "tools")])
    said = {
        name
        for kind in PAGES
        for file in SRC.rglob(kind)
        if "vendor" not in file.parts
        for name in re.findall(r"[A-Za-z_]\w*", file.read_text())
    }
    dead = [
        one
        for one in found.get_unused_code(min_confidence=60)
        if SRC in Path(one.filename).parents
        and one.name not in said | SEEN_ELSEWHERE
        and not one.name.startswith("page_")
    ]
    for one in dead:
        print(f"{Path(one.filename).relative_to(ROOT)}:{one.first_lineno}: nothing uses {one.typ} {one.name}")
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(main())
