"""A private PostgreSQL for tests: on loopback, in a folder of its own, gone with it.

Without the server's programs such tests are skipped, with the reason; under ``QM_TEST_POSTGRES=required`` they fail.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest
import sqlalchemy as sa

SERVERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


class Server:
    """A private PostgreSQL on loopback, run by a user who is not root, gone with its folder."""

    def __init__(self, binaries: Path, folder: Path, user: str | None) -> None:
        self._binaries, self._folder, self._user = binaries, folder, user
        self._data, self._password = folder / "data", secrets.token_hex(8)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        secret = folder / "secret"
        secret.write_text(self._password)
        if user is not None:
            for path in (folder, secret):
                shutil.chown(path, user)
        self._run("initdb", "-D", self._data, "-U", "memory", "-A", "scram-sha-256", f"--pwfile={secret}", "--no-sync")
        self.start()

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [self._binaries / program, *arguments]
        subprocess.run(command, check=True, user=self._user, cwd=self._folder, stdout=subprocess.DEVNULL)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://memory:{self._password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        engine = sa.create_engine(self.url(database), isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            connection.execute(sa.text(statement))

    def start(self) -> None:
        """Also again, after ``stop``, on the same port."""
        options = f"-h 127.0.0.1 -p {self.port} -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", self._folder / "log", "-o", options, "start")

    def stop(self) -> None:
        """End the process that its own pid file names."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")


def missing(reason: str, install: str) -> NoReturn:
    """No server can be had: a failure if one was asked for, else a skip."""
    if os.environ.get("QM_TEST_POSTGRES") == "required":
        pytest.fail(f"{reason}: {install}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    if find_spec("psycopg") is None:
        missing("the postgres extra is not installed", "pip install 'quantum-memory[postgres]'")
    if not SERVERS:
        missing("no PostgreSQL server in /usr/lib/postgresql", "apt-get install postgresql")
    user = None
    if os.geteuid() == 0:  # the server refuses to run as root
        users = {entry.pw_name for entry in pwd.getpwall()} & {"postgres", "nobody"}
        if not users:
            missing("running as root, and no other user can run the server", "adduser --system postgres")
        user = max(users)
    with tempfile.TemporaryDirectory(prefix="qm-postgres-") as folder:  # pytest's folders are closed to other users
        made = Server(SERVERS[-1], Path(folder), user)
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture
def postgres(server: Server) -> Iterator[str]:
    """The URL of an empty database."""
    name = f"vault_{secrets.token_hex(6)}"
    server.execute(f"CREATE DATABASE {name}")
    yield server.url(name)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


ON_POSTGRES = pytest.param("postgres", marks=[pytest.mark.slow, pytest.mark.postgres])


@pytest.fixture(params=["sqlite", ON_POSTGRES])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a vault may be made: a folder, and an empty PostgreSQL database."""
    return str(tmp_path / "vault") if request.param == "sqlite" else str(request.getfixturevalue("postgres"))


def database_url(storage: str) -> str:
    """What SQLAlchemy opens a storage by."""
    return storage if "://" in storage else f"sqlite:///{storage}/journal.sqlite"
