"""The two small processes that stand between a Sentry and a mining program, so that no process outlives its Sentry.

Run as a file by `process.py`, with a socket to the Sentry: standard library only, a few MB. It forks: the *worker*
starts the program, drains its output and ends it; the *guard* watches the worker. Both are child subreapers, so every
orphan of the program becomes theirs, whatever sessions and double forks it went through, and the kernel closes their
sockets when one of us dies:

- the Sentry dies: worker and guard both see its socket hang up, and end everything below them;
- the worker dies: the program dies with it (PR_SET_PDEATHSIG), the guard inherits the rest and ends it;
- the guard dies: the worker sees it, and ends everything;
- both die at once: the program dies; the Sentry finds the rest by cgroup and by the mark in its environment.

Messages, one per packet: from the Sentry a specification, then `{"stop": seconds of grace}`; to it, `o` and bytes of
output, else JSON with `event`: started, failed, dropped, ended. Instead of a specification, `{"remove": names}` removes
these folders, or with `*` all, where programs of this user have theirs; the answer is the event `removed`.

A Sentry that is a systemd service has no right to start anything as another user. Then systemd starts us, as that user
and in a unit of our own: whatever becomes of us, it ends all that is left in there.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import socket
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing costs each shim a megabyte
    from collections.abc import Callable
    from typing import Any, NoReturn

    Spec = dict[str, Any]

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 24, 47, 4
LAST_CAPABILITY = 63
F_SETPIPE_SZ = 1031
PIPE_BYTES = 1 << 20
READ_BYTES = 64 << 10
OUTPUT_BYTES_PER_S = 64 << 10
OUTPUT_BURST_BYTES = 256 << 10
OUTPUT_RESUME_BYTES = 16 << 10
"""After a gap so much is passed on at a time: few enough lines that a viewer sees the gap too."""
FLOOD_PAUSE_S = 0.005
"""Between two reads of a flood, each of which empties the pipe: 200 MB/s are enough."""
DEEP = 1_000
"""Characters of a path: fewer than 4096, and fewer than 1000 folders, which is as deep as Python removes them."""
SWEEP_S = 10.0
"""After so long without success a process is stuck in a driver: it cannot be ended."""


def prctl(option: int, value: int) -> None:
    """Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


# Ending a tree of processes


def below(ancestor: int) -> list[int]:
    """Every process that descends from `ancestor`, by a look at /proc."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:
                    parent = int(stat.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue  # it ended meanwhile
            children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    queue = [ancestor]
    while queue:
        mine = children.get(queue.pop(), [])
        found += mine
        queue += mine
    return found


def send(number: int, pids: list[int], kill: Callable[[int, int], None] = os.kill) -> None:
    """A signal to each; who is gone already is fine."""
    for pid in pids:
        try:
            kill(pid, number)
        except PermissionError:
            send_as_its_user(number, pid, kill)
        except ProcessLookupError:
            continue


def send_as_its_user(number: int, pid: int, kill: Callable[[int, int], None]) -> None:
    """Root without the privilege to signal others' processes can be their user for a moment."""
    ours = os.geteuid()
    try:
        with open(f"/proc/{pid}/status", "rb") as status:
            user = next(int(line.split()[1]) for line in status if line.startswith(b"Uid:"))
        os.seteuid(user)
        kill(pid, number)
    except (FileNotFoundError, ProcessLookupError):
        return
    finally:
        os.seteuid(ours)


def kill_cgroup(cgroup: str | None) -> None:
    """All of a cgroup at once, where there is one."""
    if cgroup:
        try:
            with open(f"{cgroup}/cgroup.kill", "w") as file:
                file.write("1")
        except OSError:
            return  # the sweep below does the same, slower


def sweep(cgroup: str | None, reaped: dict[int, int]) -> list[int]:
    """End everything below us and collect it; the processes that would not end, normally none.

    They are stopped first, until no new one shows up: a chain of quick forks would outrun the killing of one by one.
    """
    deadline = time.monotonic() + SWEEP_S
    pause = 0.002
    while True:
        kill_cgroup(cgroup)
        frozen: set[int] = set()
        for _ in range(50):
            new = [pid for pid in below(os.getpid()) if pid not in frozen]
            if not new:
                break
            send(signal.SIGSTOP, new)
            frozen.update(new)
        send(signal.SIGKILL, list(frozen))
        if not reap(reaped):
            return []
        if time.monotonic() > deadline:
            return below(os.getpid())
        time.sleep(pause)
        pause = min(pause * 2, 0.1)


def reap(reaped: dict[int, int]) -> bool:
    """Collect every child that has ended into `reaped` (pid -> wait status); whether there are others."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        reaped[pid] = status


# What programs leave in their folders


def remove_homes(names: list[str], top: str) -> str:
    """Remove these folders below `top`, or with `*` all of them; why that failed, or nothing."""
    import shutil  # which costs a megabyte that other shims need not have

    try:
        for name in os.listdir(top) if "*" in names else names:
            home = os.path.join(top, os.path.basename(name))
            if os.path.isdir(home) and not os.path.islink(home):
                let_in(home)
                shutil.rmtree(home)
            elif os.path.lexists(home):
                os.unlink(home)
    except OSError as error:
        return str(error)
    return ""


def let_in(top: str, group: int = -1) -> None:
    """Its owner, and this group, into this folder and all below it, as far as they are ours to open. What lies deeper
    than a removal can follow is moved up."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:  # the removal says what stays
            if group >= 0:
                os.chown(folder, -1, group)
            os.chmod(folder, 0o700 if group < 0 else 0o770)
            if len(folder) > DEEP:
                higher = os.path.join(top, os.urandom(8).hex())
                os.rename(folder, higher)
                folder = higher
            with os.scandir(folder) as entries:
                waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue


# The program, before it is one


def become(spec: Spec, output: int, errors: int) -> NoReturn:
    """In the new process: take the program's place in the world, then be it. Says what failed on `errors`."""
    notes: list[str] = []
    try:
        parent = os.getppid()
        os.setsid()
        place(spec, notes)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        drop_privileges(spec.get("account"))
        os.makedirs(spec["cwd"], 0o700, exist_ok=True)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after the change of user, which clears it
        if os.getppid() != parent:
            os._exit(1)
        os.umask(0o077)
        os.chdir(spec["cwd"])
        restore_signals()
        os.write(errors, json.dumps({"notes": notes}).encode() + b"\n")
        argv = [argument.encode() for argument in spec["argv"]]
        environment = {name.encode(): value.encode() for name, value in spec["env"].items()}
        os.execve(spec["path"].encode(), argv, environment)  # noqa: S606 - it is what the shim is for; no shell
    except BaseException as error:  # noqa: BLE001  whatever it is, this process must not go on as a second worker
        os.write(errors, json.dumps({"error": f"{error}"}).encode() + b"\n")
    os._exit(127)


def place(spec: Spec, notes: list[str]) -> None:
    """Cgroup, priorities, processors: wishes; what is not granted is noted and costs nothing."""
    pid = os.getpid()
    wishes: list[tuple[str, Callable[[], None]]] = [
        ("its own cgroup", lambda: write(f"{spec['cgroup']}/cgroup.procs", "0") if spec.get("cgroup") else None),
        ("to be the first to go when memory runs out", lambda: write("/proc/self/oom_score_adj", "500")),
        ("no core dumps", lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0))),
    ]
    if spec.get("nice") is not None:
        wishes.append((f"priority {spec['nice']}", lambda: os.setpriority(os.PRIO_PROCESS, pid, spec["nice"])))
    if spec.get("affinity"):
        wishes.append((f"processors {spec['affinity']}", lambda: os.sched_setaffinity(pid, spec["affinity"])))
    for wish, grant in wishes:
        try:
            grant()
        except (OSError, ValueError) as error:
            notes.append(f"the program runs without {wish}: {error}")


def write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def drop_privileges(account: Spec | None) -> None:
    """Become another user for good, with the groups that open the graphics devices to it and no privilege at all."""
    if account is None:
        return
    drop_capabilities()
    uid, gid = account["uid"], account["gid"]
    os.setgroups(account["groups"])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if os.getresuid() != (uid, uid, uid) or os.getresgid() != (gid, gid, gid):
        raise OSError("the change of user did not succeed")


def drop_capabilities() -> None:
    """None can be regained. Where we may not say so, no program of another user has any either."""
    try:
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
        for capability in range(LAST_CAPABILITY + 1):
            prctl(PR_CAPBSET_DROP, capability)
    except OSError:
        return


def restore_signals() -> None:
    """Python ignores these; a program expects the default."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


# The worker


class Output:
    """The program's output on its way to the Sentry: always drained, at a bounded rate passed on, the rest counted."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.allowance = float(OUTPUT_BURST_BYTES)
        self.at = time.monotonic()
        self.dropped = 0
        """Bytes, since the last that were passed on."""
        self.nowhere = os.open(os.devnull, os.O_WRONLY)

    def drain(self, pipe: int) -> bool:
        """Read once; False at the end of the output."""
        self.refill()
        try:
            if self.dropped and self.allowance < OUTPUT_RESUME_BYTES:
                time.sleep(FLOOD_PAUSE_S)
                thrown_away = os.splice(pipe, self.nowhere, PIPE_BYTES)
                self.dropped += thrown_away
                return bool(thrown_away)
            chunk = os.read(pipe, READ_BYTES)
        except BlockingIOError:
            return True
        if chunk:
            self.take(chunk)
        return bool(chunk)

    def refill(self) -> None:
        now = time.monotonic()
        self.allowance = min(OUTPUT_BURST_BYTES, self.allowance + (now - self.at) * OUTPUT_BYTES_PER_S)
        self.at = now

    def take(self, chunk: bytes) -> None:
        if self.dropped:
            chunk = self.resume(chunk)
        passed = chunk
        if len(chunk) > self.allowance:
            passed = chunk[: chunk.rfind(b"\n", 0, int(self.allowance)) + 1]
        if passed and not self.post(b"o" + passed):
            passed = b""
        self.allowance -= len(passed)
        self.dropped += len(chunk) - len(passed)

    def resume(self, chunk: bytes) -> bytes:
        """What of `chunk` follows a gap, which ends with a line."""
        head, newline, rest = chunk.partition(b"\n")
        self.dropped += len(head) + len(newline)
        if not newline or not self.tell_dropped():
            self.dropped += len(rest)
            return b""
        return rest

    def tell_dropped(self) -> bool:
        if self.dropped and not self.post(json.dumps({"event": "dropped", "bytes": self.dropped}).encode()):
            return False
        self.dropped = 0
        return True

    def post(self, packet: bytes) -> bool:
        """Whether the Sentry's socket had room for it."""
        try:
            self.control.send(packet, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            return False
        return True


class Worker:
    def __init__(self, control: socket.socket, guard: socket.socket) -> None:
        self.control = control
        self.guard = guard
        self.reaped: dict[int, int] = {}
        self.kill_at: float | None = None
        self.orphaned = False
        self.cgroup: str | None = None

    def run(self) -> None:
        spec = self.receive(wait=True)
        if spec is None or self.abandoned():
            return
        if "remove" in spec:
            self.tell({"event": "removed", "why": remove_homes(spec["remove"], os.environ["STATE_DIRECTORY"])})
            return
        self.cgroup = spec.get("cgroup")
        pipe, child_end = os.pipe()
        fcntl.fcntl(pipe, F_SETPIPE_SZ, PIPE_BYTES)
        os.set_blocking(pipe, False)
        program = self.start(spec, child_end)
        os.close(child_end)
        if program is not None:
            output = Output(self.control)
            self.attend(program, pipe, output)
            survivors = sweep(self.cgroup, self.reaped)
            for _ in range(64):  # what is left in the pipe; all its writers are gone
                if not output.drain(pipe):
                    break
            output.tell_dropped()
            self.tell(ending(self.reaped.get(program), survivors))

    def start(self, spec: Spec, output: int) -> int | None:
        """The program's pid, once it is the program; None when it could not be started."""
        answers, errors = os.pipe()
        program = os.fork()
        if program == 0:
            become(spec, output, errors)
        os.close(errors)
        with os.fdopen(answers, "rb") as file:
            said = [json.loads(line) for line in file]
        for answer in said:
            if "error" in answer:
                os.waitpid(program, 0)
                self.tell({"event": "failed", "why": answer["error"]})
                return None
        notes = said[0]["notes"] if said else []
        self.tell({"event": "started", "pid": program, "shim": os.getpid(), "notes": notes})
        return program

    def attend(self, program: int, pipe: int, output: Output) -> None:
        """Until the program ends, or shall."""
        wake_in, wake_out = os.pipe()
        os.set_blocking(wake_in, False)
        os.set_blocking(wake_out, False)
        signal.set_wakeup_fd(wake_out, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        poll = select.poll()
        for descriptor, events in (
            (self.control.fileno(), select.POLLIN),
            (self.guard.fileno(), 0),
            (wake_in, select.POLLIN),
            (pipe, select.POLLIN),
        ):
            poll.register(descriptor, events)
        while reap(self.reaped) and program not in self.reaped and not self.overdue():
            for descriptor, _ in poll.poll(self.timeout_ms()):
                if descriptor == self.guard.fileno():
                    return
                if descriptor == wake_in:
                    os.read(wake_in, 4096)
                elif descriptor == pipe:
                    if not output.drain(pipe):
                        poll.unregister(pipe)
                else:
                    self.obey(program)
                    if self.orphaned:
                        return

    def obey(self, program: int) -> None:
        message = self.receive(wait=False)
        if message is not None and "stop" in message and self.kill_at is None:
            self.kill_at = time.monotonic() + message["stop"]
            if message["stop"] > 0:
                send(signal.SIGTERM, [program], os.killpg)

    def overdue(self) -> bool:
        return self.kill_at is not None and time.monotonic() >= self.kill_at

    def timeout_ms(self) -> float | None:
        return None if self.kill_at is None else max(0.0, self.kill_at - time.monotonic()) * 1000 + 1

    def receive(self, *, wait: bool) -> Spec | None:
        """A message; None when there is none. Notices that the Sentry is gone."""
        try:
            packet = self.control.recv(1 << 20, 0 if wait else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except OSError:
            packet = b""
        self.orphaned = not packet
        message: Spec | None = json.loads(packet) if packet else None
        return message

    def abandoned(self) -> bool:
        """Whether the Sentry has ended: systemd may have started us too late."""
        poll = select.poll()
        poll.register(self.control.fileno(), 0)
        return bool(poll.poll(0))

    def tell(self, event: Spec) -> None:
        """Say it, however long the Sentry takes to listen; not at all when it is gone."""
        self.control.setblocking(True)
        try:
            self.control.send(json.dumps(event).encode(), socket.MSG_NOSIGNAL)
        except OSError:
            self.orphaned = True


def ending(status: int | None, survivors: list[int]) -> Spec:
    event: Spec = {"event": "ended", "code": None, "signal": None, "survivors": survivors}
    if status is not None and os.WIFSIGNALED(status):
        event["signal"] = os.WTERMSIG(status)
    elif status is not None:
        event["code"] = os.WEXITSTATUS(status)
    return event


# The guard


def guard(control: socket.socket, worker_end: socket.socket, worker: int) -> None:
    """Wait for the end of the Sentry or of the worker, then see to it that nothing is left."""
    poll = select.poll()
    poll.register(control.fileno(), 0)  # only its hanging up: what it says is for the worker
    poll.register(worker_end.fileno(), 0)
    poll.poll()
    reaped: dict[int, int] = {}
    survivors = sweep(None, reaped)
    if survivors or reaped.get(worker) != 0:
        event = {"event": "ended", "code": None, "signal": None, "survivors": survivors, "lost": True}
        try:
            control.send(json.dumps(event).encode(), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            return  # the Sentry is gone: there is no one to tell


def main(descriptor: int) -> None:
    """Take over the socket to the Sentry that was inherited as `descriptor`."""
    os.set_inheritable(descriptor, False)
    control = socket.socket(fileno=descriptor)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a service manager tells all; the Sentry decides what it means
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    guard_end, worker_end = socket.socketpair()
    worker = os.fork()
    if worker:
        worker_end.close()
        guard(control, guard_end, worker)
        return
    guard_end.close()
    prctl(PR_SET_CHILD_SUBREAPER, 1)  # not inherited
    Worker(control, worker_end).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
