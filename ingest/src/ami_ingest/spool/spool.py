"""The spool: everything goes to disk before it goes to Kafka, and leaves when Kafka has it.

One SQLite file in WAL mode. One thread writes: it takes whatever has been offered since its last commit and commits
it together (group commit), so that a commit's cost is shared and the event loop never waits for the disk. Readers have
connections of their own.

`synchronous=FULL` on purpose: a commit that the power failure takes back would free sequence numbers that Kafka may
already have seen, and a `ce_id` must name one record for ever. `AUTOINCREMENT` keeps numbers from being used again
after their rows are deleted; a new file has a new uuid.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from ami_ingest.errors import SpoolError
from ami_ingest.record import Header, RawRecord
from ami_ingest.spool import headers_blob
from ami_schemas.headers import CE_ID

SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE spool (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE record (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp_us INTEGER NOT NULL,
    key BLOB NOT NULL,
    headers BLOB NOT NULL,
    value BLOB NOT NULL
);
CREATE TABLE position (meter TEXT, profile BLOB, stamp_us INTEGER NOT NULL, PRIMARY KEY (meter, profile)) WITHOUT ROWID;
"""
_RETRY_S: Final = 1.0
_ROW_OVERHEAD: Final = 64
"""What a row costs beyond its contents, roughly: b-tree cell, key and length fields."""
_COUNT_AND_SIZE: Final = f"count(*), coalesce(sum(length(key) + length(headers) + length(value) + {_ROW_OVERHEAD}), 0)"


class Position(NamedTuple):
    """How far a meter's profile has been read: the stamp of the last row that is on disk."""

    meter: str
    profile: bytes
    stamp_us: int


class Spooled(NamedTuple):
    """A record on disk, with its number."""

    sequence: int
    key: bytes
    value: bytes
    headers: list[Header]
    """All headers, `ce_id` first."""
    timestamp_us: int

    @property
    def size(self) -> int:
        """Octets of key, value and header values."""
        return len(self.key) + len(self.value) + sum(len(value) for _, value in self.headers)


class _Write(NamedTuple):
    records: Sequence[RawRecord]
    positions: Sequence[Position]
    done: Future[None] | None


class Spool:
    """The spool file of one agent. `open()` before use; any thread may call the other methods."""

    def __init__(self, path: Path, agent: str, *, max_bytes: int, log: structlog.typing.FilteringBoundLogger) -> None:
        self.path = path
        self._agent = agent
        self._max_bytes = max_bytes
        self._log = log
        self._condition = threading.Condition()
        self._writes: list[_Write] = []
        self._deletes: list[tuple[int, int]] = []
        self._closing = False
        self._uuid = ""
        self._lock_file: int | None = None
        self._bytes = 0
        self._count = 0
        self._written = 0  # the highest sequence on disk
        self._failing = False
        self._full = False
        self._resume: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)

    # -- life ---------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open or create the file and start the writer. Raises SpoolError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock()
            connection = self._connect()
            try:
                self._prepare(connection)
            finally:
                connection.close()
        except SpoolError:
            self._unlock()
            raise
        except (OSError, sqlite3.Error) as error:
            self._unlock()
            raise SpoolError(
                f"The spool {self.path} cannot be opened ({error}); check the disk and the rights of its folder, "
                f"or move the file aside (what it holds is then not published)",
            ) from None
        self._thread.start()

    def close(self) -> None:
        """Write what was offered, then stop the writer."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._unlock()

    def _lock(self) -> None:
        """Keep a second agent from this spool: both would publish everything."""
        self._lock_file = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._unlock()
            raise SpoolError(
                f"The spool {self.path} is in use by another agent; stop that one, or give this one its own state_dir",
            ) from None

    def _unlock(self) -> None:
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=30)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in _SCHEMA.strip().split(";\n"):
                connection.execute(statement)
            connection.execute("INSERT INTO spool VALUES ('uuid', ?)", (str(uuid.uuid4()),))
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION:
            raise SpoolError(f"The spool {self.path} has format {version}, this version knows {SCHEMA_VERSION}")
        connection.execute("COMMIT")
        self._uuid = connection.execute("SELECT value FROM spool WHERE name = 'uuid'").fetchone()[0]
        self._count, self._bytes = connection.execute(
            f"SELECT {_COUNT_AND_SIZE} FROM record",  # noqa: S608  a constant
        ).fetchone()
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'record'").fetchone()
        self._written = 0 if row is None else row[0]

    # -- in -----------------------------------------------------------------------------------------------------

    def offer(self, records: Sequence[RawRecord]) -> bool:
        """Take records without waiting. False: the spool is at its bound, give no more until `room()`.

        What is offered is taken in any case: bytes once read from a meter are never thrown away here.
        """
        with self._condition:
            self._take(_Write(records, (), None))
            return not self._full

    async def put(self, records: Sequence[RawRecord], positions: Sequence[Position] = ()) -> None:
        """Take records and wait until they are on disk, together with the positions they move."""
        done: Future[None] = Future()
        with self._condition:
            self._take(_Write(records, positions, done))
        await asyncio.wrap_future(done)

    async def room(self) -> None:
        """Wait until the spool is below its bound."""
        event = asyncio.Event()
        with self._condition:
            if not self._full:
                return
            self._resume.append((asyncio.get_running_loop(), event))
        await event.wait()

    def _take(self, write: _Write) -> None:
        if self._closing:
            raise SpoolError("The spool is closed")
        self._writes.append(write)
        self._count += len(write.records)
        self._bytes += sum(_size(record) for record in write.records)
        if not self._full and self._bytes >= self._max_bytes:
            self._full = True
            self._log.error(
                "the spool is full: meters are not read until Kafka takes records",
                path=str(self.path),
                bytes=self._bytes,
                remedy="bring Kafka back, or give the spool more room (spool.max_mb)",
            )
        self._condition.notify_all()

    # -- out ----------------------------------------------------------------------------------------------------

    def reader(self) -> SpoolReader:
        """Return a reader for the calling thread."""
        return SpoolReader(self._connect(), f"{self._agent}/{self._uuid}/")

    def wait(self, after: int, timeout: float) -> bool:
        """Wait until a record beyond sequence `after` is on disk; False at the timeout (seconds)."""
        with self._condition:
            return self._condition.wait_for(lambda: self._written > after or self._closing, timeout)

    def delete(self, sequences: Iterable[int]) -> None:
        """Forget records that Kafka has. Returns at once; a crash before the commit publishes them again."""
        ranges = _ranges(sequences)
        if not ranges:
            return
        with self._condition:
            self._deletes += ranges
            self._condition.notify_all()

    def settle(self, timeout: float) -> bool:
        """Wait until everything asked so far is on disk; False at the timeout (seconds)."""
        done: Future[None] = Future()
        with self._condition:
            if not self._thread.is_alive():
                return False
            self._take(_Write((), (), done))
        try:
            done.result(timeout)
        except (FutureTimeout, SpoolError):
            return False
        return True

    def position(self, meter: str, profile: bytes) -> int | None:
        """Return the stamp (microseconds, UTC) of the last row of a profile that went through this spool."""
        connection = self._connect()
        try:
            row = connection.execute(
                "SELECT stamp_us FROM position WHERE meter = ? AND profile = ?",
                (meter, profile),
            ).fetchone()
        finally:
            connection.close()
        return None if row is None else int(row[0])

    @property
    def depth(self) -> tuple[int, int]:
        """Records and octets that Kafka does not have yet."""
        with self._condition:
            return self._count, self._bytes

    @property
    def uuid(self) -> str:
        """Names this file for ever."""
        return self._uuid

    # -- the writer ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        connection = self._connect()
        try:
            while True:
                with self._condition:
                    self._condition.wait_for(lambda: self._writes or self._deletes or self._closing)
                    writes, self._writes = self._writes, []
                    deletes, self._deletes = self._deletes, []
                    closing = self._closing
                if not writes and not deletes:
                    return
                freed = self._commit(connection, writes, deletes, give_up=closing)
                self._after_commit(writes, freed, connection)
        finally:
            connection.close()

    def _commit(
        self,
        connection: sqlite3.Connection,
        writes: list[_Write],
        deletes: list[tuple[int, int]],
        *,
        give_up: bool,
    ) -> tuple[int, int]:
        """Write until it succeeds: a full or failing disk is waited out, loudly, with the records kept in memory."""
        while True:
            try:
                freed = _transaction(connection, writes, deletes)
            except sqlite3.Error as error:  # noqa: PERF203  a retry
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if not self._failing:
                    self._failing = True
                    self._log.error(
                        "the spool cannot be written: records wait in memory",
                        path=str(self.path),
                        error=str(error),
                        remedy="free space on the disk, or check it",
                    )
                with self._condition:
                    if self._condition.wait_for(lambda: self._closing, 0 if give_up else _RETRY_S):
                        lost = sum(len(write.records) for write in writes)
                        self._log.error("stopped before the spool could be written", lost_records=lost)
                        for write in writes:
                            if write.done is not None:
                                write.done.set_exception(SpoolError(f"The spool cannot be written: {error}"))
                        return 0, 0
            else:
                if self._failing:
                    self._failing = False
                    self._log.info("the spool is written again", path=str(self.path))
                return freed

    def _after_commit(self, writes: list[_Write], freed: tuple[int, int], connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'record'").fetchone()
        with self._condition:
            self._count -= freed[0]
            self._bytes -= freed[1]
            self._written = 0 if row is None else row[0]
            self._condition.notify_all()
            resume: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
            if self._full and self._bytes < self._max_bytes * 0.9:
                self._full = False
                resume, self._resume = self._resume, []
                self._log.info("the spool has room again", bytes=self._bytes)
        for loop, event in resume:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)
        for write in writes:
            if write.done is not None and not write.done.done():
                write.done.set_result(None)


class SpoolReader:
    """Reads the spool in order; belongs to one thread."""

    def __init__(self, connection: sqlite3.Connection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix

    def read(self, after: int, *, max_records: int = 1000, max_bytes: int = 8 << 20) -> list[Spooled]:
        """Return the records beyond sequence `after`, oldest first; at least one if there is one."""
        found: list[Spooled] = []
        size = 0
        for sequence, timestamp_us, key, headers, value in self._connection.execute(
            "SELECT sequence, timestamp_us, key, headers, value FROM record "
            "WHERE sequence > ? ORDER BY sequence LIMIT ?",
            (after, max_records),
        ):
            identity = (CE_ID, f"{self._prefix}{sequence}".encode())
            record = Spooled(sequence, key, value, [identity, *headers_blob.unpack(headers)], timestamp_us)
            size += record.size
            if found and size > max_bytes:
                break
            found.append(record)
        return found

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _transaction(
    connection: sqlite3.Connection,
    writes: list[_Write],
    deletes: list[tuple[int, int]],
) -> tuple[int, int]:
    """Write everything in one transaction; return how many records and octets the deletions freed."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "INSERT INTO record (timestamp_us, key, headers, value) VALUES (?, ?, ?, ?)",
        (
            (record.timestamp_us, record.key, headers_blob.pack(record.headers), record.value)
            for write in writes
            for record in write.records
        ),
    )
    connection.executemany(
        "INSERT INTO position VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET stamp_us = excluded.stamp_us",
        (position for write in writes for position in write.positions),
    )
    count = size = 0
    for first_and_last in deletes:
        row = connection.execute(
            f"SELECT {_COUNT_AND_SIZE} FROM record WHERE sequence BETWEEN ? AND ?",  # noqa: S608  a constant
            first_and_last,
        ).fetchone()
        connection.execute("DELETE FROM record WHERE sequence BETWEEN ? AND ?", first_and_last)
        count += row[0]
        size += row[1]
    connection.execute("COMMIT")
    return count, size


def _ranges(sequences: Iterable[int]) -> list[tuple[int, int]]:
    """Cut numbers into runs of consecutive ones, (first, last) each."""
    ranges: list[tuple[int, int]] = []
    for sequence in sorted(sequences):
        if ranges and sequence == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], sequence)
        else:
            ranges.append((sequence, sequence))
    return ranges


def _size(record: RawRecord) -> int:
    headers = sum(5 + len(name) + len(value) for name, value in record.headers)
    return len(record.key) + headers + len(record.value) + _ROW_OVERHEAD
