"""Run by a test in a process of its own: migrate the database, and die by SIGKILL after the n-th statement."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from sqlalchemy import Engine, event

from rigfarm.commander.storage import Storage, sqlite


def die_after(statements: int) -> None:
    """Kill this process when so many statements ran on any engine. Reading and settings do not count."""
    left = statements

    def executed(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal left
        if statement.lstrip().upper().startswith(("CREATE", "INSERT", "UPDATE", "ALTER", "DROP", "DELETE")):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", executed)


def without_transactions() -> None:
    """The control: let SQLite's driver commit every statement by itself."""
    prepare = sqlite._prepare
    sqlite._prepare = lambda engine, pragmas, _begin: prepare(engine, pragmas, "SELECT 1")


async def open_and_close(url: str) -> None:
    await (await Storage.open(url)).close()


def run_forks(url: str, mode: str) -> None:
    """Fork once per statement; report each child's end until one gets through."""
    if mode == "control":
        without_transactions()
    for statements in range(1, 1000):
        child = os.fork()
        if child == 0:
            die_after(statements)
            asyncio.run(open_and_close(url.replace("%", str(statements))))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(statements, "killed" if os.WIFSIGNALED(status) else f"exit {os.waitstatus_to_exitcode(status)}")
        if not os.WIFSIGNALED(status):
            return


if __name__ == "__main__":
    run_forks(*sys.argv[1:])
