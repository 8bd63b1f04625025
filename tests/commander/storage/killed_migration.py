"""Run by a test in a process of its own: migrate the database, and die by SIGKILL after the n-th statement."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile

from sqlalchemy import Engine, event

from rigfarm.commander.storage import Storage, sqlite


def die_after(statements: int) -> list[str]:
    """Kill this process when so many statements ran on any engine (0: never); the statements so far. Reading and
    settings do not count."""
    seen: list[str] = []

    def executed(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().upper().startswith(("CREATE", "INSERT", "UPDATE", "ALTER", "DROP", "DELETE")):
            seen.append(statement)
            if len(seen) == statements:
                os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", executed)
    return seen


def without_transactions() -> None:
    """The control: let SQLite's driver commit every statement by itself."""
    prepare = sqlite._prepare
    sqlite._prepare = lambda engine, pragmas, _begin: prepare(engine, pragmas, "SELECT 1")


async def open_and_close(url: str) -> None:
    await (await Storage.open(url)).close()


def count_statements() -> int:
    """How many statements a whole migration has; told by a child, so that this process has opened nothing yet."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        with tempfile.TemporaryDirectory() as folder:
            seen = die_after(0)
            asyncio.run(open_and_close(f"sqlite:///{folder}/counted.db"))
        os.write(writing, str(len(seen)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(reading, 16))


def run_forks(url: str, points: str, mode: str) -> None:
    """Fork once per kill, at so many points evenly over the migration (`all`: after every statement), and once without
    a kill; report each child's end."""
    total = count_statements()
    if mode == "control":
        without_transactions()
    step = 1 if points == "all" else max(total // int(points), 1)
    for number in [*range(1, total, step), total, 0]:
        if (child := os.fork()) == 0:
            die_after(number)
            asyncio.run(open_and_close(url.replace("%", str(number))))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        ended = "killed" if os.WIFSIGNALED(status) else f"exit {os.waitstatus_to_exitcode(status)}"
        print(number, ended, flush=True)


if __name__ == "__main__":
    run_forks(*sys.argv[1:])
