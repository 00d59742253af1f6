"""The spool's file: SQLite in WAL mode, segments and how far profiles were read.

`synchronous=FULL` on purpose: a commit that the power failure takes back would free sequence numbers that Kafka may
already have seen, and a `ce_id` must name one record for ever. The next number is stored, so that none is used again
after its segment is deleted; a new file has a new uuid.

A profile's position belongs to the segments that carry its rows (`moved`) until Kafka has them; then it is published
(`position`). Where such a segment is dropped, every unpublished position of that profile goes with it, and the profile
is read again from the published one.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from zlib import crc32

from ami_ingest.errors import SpoolError

FORMAT: Final = 2
_SCHEMA: Final = """
CREATE TABLE spool (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE segment (
    first INTEGER PRIMARY KEY,
    records INTEGER NOT NULL,
    first_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE moved (
    segment INTEGER, meter TEXT, profile BLOB, stamp_us INTEGER NOT NULL, PRIMARY KEY (segment, meter, profile)
) WITHOUT ROWID;
CREATE TABLE position (meter TEXT, profile BLOB, stamp_us INTEGER NOT NULL, PRIMARY KEY (meter, profile)) WITHOUT ROWID;
"""
_JOURNAL_LIMIT: Final = 16 << 20
_SHRINK_FROM_PAGES: Final = 1024
_SHRINK_STEP_PAGES: Final = 2048
_SUMS: Final = "coalesce(sum(records), 0), coalesce(sum(length(body)), 0)"


class Position(NamedTuple):
    """How far a meter's profile has been read: the stamp of the last row that is on disk."""

    meter: str
    profile: bytes
    stamp_us: int


class Row(NamedTuple):
    """A segment as it is stored."""

    first: int
    records: int
    first_us: int
    """Reception of its oldest record, microseconds since 1970 in UTC."""
    last_us: int
    crc: int
    body: bytes

    @classmethod
    def of(cls, first: int, times_us: Sequence[int], body: bytes) -> Row:
        """Return the row of an encoded segment."""
        return cls(first, len(times_us), min(times_us), max(times_us), crc32(body), body)


class Dropped(NamedTuple):
    """What a policy removed before Kafka had it."""

    records: int
    octets: int
    first_us: int
    last_us: int
    profiles: int
    """Profiles that are read again from their published position."""


class Batch(NamedTuple):
    """What one transaction writes."""

    rows: Sequence[Row] = ()
    moved: Sequence[tuple[int, Position]] = ()
    """Positions, with the segments that carry their rows; segment 0: no rows, nothing to wait for."""
    next: int = 0
    """The next sequence number, where rows are written."""


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether the file itself is damaged: waiting does not help."""
    return isinstance(error, sqlite3.DatabaseError) and str(error).startswith(
        ("database disk image is malformed", "file is not a database"),
    )


def connect(path: Path, *, create: bool = True) -> sqlite3.Connection:
    """Connect to a spool's file; where `create` is not wished, one that is missing is an error."""
    mode = "rwc" if create else "rw"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=30)
    try:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # says something only to a file that is still empty
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=OFF")  # what is deleted need not be overwritten: Kafka has it
        connection.execute(f"PRAGMA journal_size_limit={_JOURNAL_LIMIT}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class SpoolFile:
    """One file and one connection to it; belongs to one thread."""

    def __init__(self, path: Path, *, first: int = 1) -> None:
        """Open or create; a new file counts from `first` on. Raises sqlite3.Error; SpoolError for another format."""
        self.path = path
        self._connection = connect(path)
        try:
            self._prepare(first)
            name, start = self._connection.execute(
                "SELECT (SELECT value FROM spool WHERE name = 'uuid'), (SELECT value FROM spool WHERE name = 'next')",
            ).fetchone()
        except BaseException:
            self._connection.close()
            raise
        self.uuid = str(name)
        """Names this file for ever."""
        self.next = int(start)
        """The next sequence number."""
        self.positions: dict[tuple[str, bytes], int] = {}
        """How far each profile was read, as of the last transaction."""
        self._read_positions()

    def _prepare(self, first: int) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            for statement in _SCHEMA.strip().split(";\n"):
                connection.execute(statement)
            connection.execute("INSERT INTO spool VALUES ('uuid', ?), ('next', ?)", (str(uuid.uuid4()), first))
            connection.execute(f"PRAGMA user_version={FORMAT}")
        elif found != FORMAT:
            raise SpoolError(
                f"The spool {self.path} has format {found}, this version knows {FORMAT}; "
                f"let the version that wrote it publish what it holds, then remove the file",
            )
        connection.execute("COMMIT")

    def _read_positions(self) -> None:
        self.positions = {
            (meter, profile): stamp_us
            for table, order in (("position", "meter"), ("moved", "segment"))
            for meter, profile, stamp_us in self._connection.execute(
                f"SELECT meter, profile, stamp_us FROM {table} ORDER BY {order}",  # noqa: S608  constants
            )
        }

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # -- transactions -------------------------------------------------------------------------------------------

    def write(self, batch: Batch, published: int = 0) -> None:
        """Write a batch and forget all segments up to sequence `published`, together. Raises sqlite3.Error.

        Repeating it after an error is safe, also where the error hid that it had succeeded.
        """
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            if published:
                self._forget(published)
            if batch.rows and self._stored_next() < batch.next:
                connection.executemany("INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?)", batch.rows)
                connection.execute("UPDATE spool SET value = ? WHERE name = 'next'", (batch.next,))
            self._move(batch.moved)
            connection.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
            raise
        self.next = max(self.next, batch.next)
        self.positions.update(((moved.meter, moved.profile), moved.stamp_us) for _, moved in batch.moved)

    def _forget(self, published: int) -> None:
        connection = self._connection
        connection.execute(
            "INSERT INTO position SELECT meter, profile, stamp_us FROM moved WHERE segment <= ? ORDER BY segment "
            "ON CONFLICT DO UPDATE SET stamp_us = excluded.stamp_us",
            (published,),
        )
        connection.execute("DELETE FROM moved WHERE segment <= ?", (published,))
        connection.execute("DELETE FROM segment WHERE first <= ?", (published,))

    def _move(self, moved: Sequence[tuple[int, Position]]) -> None:
        if not moved:
            return
        (newest,) = self._connection.execute("SELECT coalesce(max(first), 0) FROM segment").fetchone()
        for segment, position in moved:
            # Rows are there already, or there were none: they wait for what is in the spool before them.
            carrier = segment or newest
            into = ("moved (segment, meter, profile, stamp_us)", (carrier, *position)) if carrier else (
                "position (meter, profile, stamp_us)", tuple(position))  # fmt: skip
            self._connection.execute(
                f"INSERT INTO {into[0]} VALUES ({', '.join('?' * len(into[1]))}) "  # noqa: S608  constants
                f"ON CONFLICT DO UPDATE SET stamp_us = excluded.stamp_us",
                into[1],
            )

    def _stored_next(self) -> int:
        return int(self._connection.execute("SELECT value FROM spool WHERE name = 'next'").fetchone()[0])

    def drop(self, after: int, *, octets: int = 0, older_than_us: int = 0) -> Dropped | None:
        """Remove the oldest segments beyond sequence `after`: at least so many octets, or all received before a time.

        Positions that cover what is removed fall back. Raises sqlite3.Error.
        """
        victims: list[int] = []
        records = size = 0
        first_us, last_us = 1 << 62, 0
        for first, count, begin_us, end_us, length in self._connection.execute(
            "SELECT first, records, first_us, last_us, length(body) FROM segment WHERE first > ? ORDER BY first",
            (after,),
        ):
            if not (size < octets or end_us < older_than_us):
                break
            victims.append(first)
            records, size = records + count, size + length
            first_us, last_us = min(first_us, begin_us), max(last_us, end_us)
        if not victims:
            return None
        connection = self._connection
        span = (victims[0], victims[-1])
        connection.execute("BEGIN IMMEDIATE")
        try:
            profiles = connection.execute(
                "SELECT DISTINCT meter, profile FROM moved WHERE segment BETWEEN ? AND ?", span
            ).fetchall()
            connection.executemany("DELETE FROM moved WHERE meter = ? AND profile = ?", profiles)
            connection.execute("DELETE FROM segment WHERE first BETWEEN ? AND ?", span)
            connection.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
            raise
        if profiles:
            self._read_positions()
        return Dropped(records, size, first_us, last_us, len(profiles))

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    # -- what is in it ------------------------------------------------------------------------------------------

    def sums(self) -> tuple[int, int]:
        """Return records and octets that are not published yet."""
        count, size = self._connection.execute(f"SELECT {_SUMS} FROM segment").fetchone()  # noqa: S608  a constant
        return int(count), int(size)

    def sums_up_to(self, published: int) -> tuple[int, int]:
        """Return records and octets of the segments up to a sequence number."""
        count, size = self._connection.execute(
            f"SELECT {_SUMS} FROM segment WHERE first <= ?",  # noqa: S608  a constant
            (published,),
        ).fetchone()
        return int(count), int(size)

    def oldest_us(self) -> int | None:
        """Return the reception of the oldest record, microseconds."""
        row = self._connection.execute("SELECT first_us FROM segment ORDER BY first LIMIT 1").fetchone()
        return None if row is None else int(row[0])

    def empty_journal(self) -> None:
        """Move what the journal holds into the file, so that its room is used again. Raises sqlite3.Error."""
        self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def shrink(self) -> None:
        """Give free pages back to the disk, a step at a time, where more is free than used. Raises sqlite3.Error."""
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        if free > _SHRINK_FROM_PAGES and free > pages // 2:
            # Each step of the statement frees one page, and only a script is stepped to its end.
            self._connection.executescript(f"PRAGMA incremental_vacuum({_SHRINK_STEP_PAGES})")


def read(connection: sqlite3.Connection, after: int, max_octets: int) -> Iterator[Row]:
    """Yield the segments beyond sequence `after`, oldest first, up to a size; at least one if there is one."""
    size = 0
    for row in connection.execute("SELECT * FROM segment WHERE first > ? ORDER BY first", (after,)):
        found = Row(*row)
        size += len(found.body)
        if size > max_octets and size > len(found.body):
            return
        yield found


def salvage(path: Path) -> tuple[list[Row], list[Position]]:
    """Return what can still be read of a damaged file: segments and published positions; never raises on damage.

    Segments are read from the oldest on, and where damage ends that, from the newest back.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None)
    except sqlite3.Error:
        return [], []
    rows: dict[int, Row] = {}
    try:
        for first in _numbers(connection):
            for found in _readable(connection, "SELECT * FROM segment WHERE first = ?", first):
                row = Row(*found)
                if isinstance(row.body, bytes) and crc32(row.body) == row.crc:
                    rows[first] = row
        positions = [Position(*found) for found in _readable(connection, "SELECT * FROM position")]
    finally:
        connection.close()
    return [rows[first] for first in sorted(rows)], positions


def _numbers(connection: sqlite3.Connection) -> Iterator[int]:
    """Yield the numbers of the segments: upwards, and where damage ends that, from the top down."""
    seen = 0
    for statement, number in (
        ("SELECT first FROM segment WHERE first > ? ORDER BY first LIMIT 1", 0),
        ("SELECT first FROM segment WHERE first < ? ORDER BY first DESC LIMIT 1", 1 << 62),
    ):
        at = number
        while found := _readable(connection, statement, at):
            at = found[0][0]
            if number and at <= seen:
                return
            seen = seen if number else at
            yield at


def _readable(connection: sqlite3.Connection, statement: str, *values: int) -> list[Any]:
    """Return the rows before the damage, if any is there."""
    rows: list[Any] = []
    try:
        for row in connection.execute(statement, values):
            rows.append(row)  # noqa: PERF402  what came before the error counts
    except (sqlite3.Error, UnicodeDecodeError):
        pass
    return rows
