"""The spool: everything goes to disk before it goes to Kafka, and leaves when Kafka has it.

One thread writes: it takes what was offered since its last commit, makes segments of it and commits them together, at
most every 50 ms, so that a commit's cost is shared and the event loop never waits for the disk. What was just written
is handed to the publisher from memory; who is behind reads the file.

Nothing is bounded silently. A full spool makes its sources wait, or drops its oldest segments, as configured; a disk
that cannot be written makes them wait; a damaged file is moved aside and what is readable of it taken over.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import datetime, timezone
from pathlib import Path
from typing import Final, Literal, NamedTuple

import structlog

from ami_ingest.errors import SpoolError
from ami_ingest.record import RawRecord, now_us
from ami_ingest.spool import file as spool_file
from ami_ingest.spool.file import Batch, Dropped, Position, Row, SpoolFile
from ami_ingest.spool.reserve import Reserve
from ami_ingest.spool.segment import Segment, SegmentDamaged, decode, encode, pieces

WhenFull = Literal["wait", "drop-oldest"]

_COMMIT_EVERY_S: Final = 0.05
_TIDY_EVERY_S: Final = 1.0
_RETRY_S: Final = 1.0
_SAY_AGAIN_S: Final = 60.0
_RECORD_ESTIMATE: Final = 300
"""Octets that key and headers of a record take, roughly, until its segment is made."""
_MAX_PENDING: Final = 32 << 20
"""Octets in memory that wait for the disk; then sources wait too."""
_MAX_RECENT: Final = 16 << 20
"""Octets just written that the publisher may take from memory."""
_MAX_READ: Final = 4 << 20


class _Abandoned(Exception):
    """The spool closes while the disk cannot be written."""


class _Write(NamedTuple):
    records: Sequence[RawRecord]
    positions: Sequence[Position]
    done: Future[None] | None
    size: int


class Spool:
    """The spool file of one agent. `open()` before use; any thread may call the other methods.

    `max_bytes` bounds what the segments hold, `max_age_s` how old they get; what Kafka's client already has in hand (a
    quarter of the bound, at most 16 MiB) is dropped by neither.
    """

    def __init__(
        self,
        path: Path,
        agent: str,
        *,
        max_bytes: int,
        log: structlog.typing.FilteringBoundLogger,
        max_age_s: float | None = None,
        when_full: WhenFull = "wait",
    ) -> None:
        self.path = path
        self._agent = agent
        self.max_bytes = max_bytes
        """What the spool may hold, octets."""
        self._max_age_s = max_age_s
        self._when_full = when_full
        self._log = log
        # One lock, and who waits for what: a push a second or ten thousand must not wake who waits for something else.
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)  # the writer, for anything to do
        self._hurry = threading.Condition(self._lock)  # the writer, for a reason to commit early
        self._news = threading.Condition(self._lock)  # the publisher, for records on disk
        self._idle = False
        self._writes: list[_Write] = []
        self._published = 0  # forget everything up to here
        self._forgotten = 0  # forgotten on disk, up to here
        self._handed = 0  # Kafka's client has everything up to here
        self._urgent = False
        self._closing = False
        self._damage: Exception | None = None
        self._generation = 0
        self._uuid = ""
        self._prefix = b""
        self._lock_file: int | None = None
        self._reserve = Reserve(path)
        self._count = 0
        self._bytes = 0
        self._pending_records = 0
        self._pending = 0
        self._written = 0  # the highest sequence on disk
        self._recent: deque[Segment] = deque()
        self._recent_bytes = 0
        self._positions: dict[tuple[str, bytes], int] = {}
        self._stale: set[tuple[str, bytes]] = set()
        self._full = False
        self._said_dropped: float | None = None
        self._dropping: Dropped | None = None
        self._bound = ""
        self._resume: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)
        self.failing = False
        """The disk cannot be written; records wait in memory, and sources with them."""
        self.dropped_records = 0
        """Records that a policy removed before Kafka had them."""
        self.dropped_bytes = 0
        self.damaged = 0
        """How often a damaged file was moved aside."""
        self.oldest_us: int | None = None
        """Reception of the oldest record on disk, microseconds; None where there is none."""

    # -- life ---------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open or create the file and start the writer. Raises SpoolError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._claim()
            self._thread.start()
            self._opened.result()
        except SpoolError:
            self._release()
            raise
        except (OSError, sqlite3.Error) as error:
            self._release()
            raise SpoolError(
                f"The spool {self.path} cannot be opened ({error}); check the disk and the rights of its folder, "
                f"or move the file aside (what it holds is then not published)",
            ) from None

    def close(self) -> None:
        """Write what was offered, then stop the writer."""
        with self._lock:
            self._closing = True
            for waiting in (self._work, self._hurry, self._news):
                waiting.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._release()

    def _claim(self) -> None:
        """Keep a second agent from this spool: both would publish everything."""
        self._lock_file = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._release()
            raise SpoolError(
                f"The spool {self.path} is in use by another agent; stop that one, or give this one its own state_dir",
            ) from None

    def _release(self) -> None:
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    # -- in -----------------------------------------------------------------------------------------------------

    def offer(self, records: Sequence[RawRecord], done: Future[None] | None = None) -> bool:
        """Take records without waiting; `done` is resolved when they are on disk, in any thread.

        False: give no more until `room()` returns. What is offered is taken in any case: bytes once read from a
        meter are never thrown away here.
        """
        size = _RECORD_ESTIMATE * len(records)
        for record in records:
            size += len(record.value)
        with self._lock:
            self._take(_Write(records, (), done, size))
            return not (self._full or self.failing or self._pending > _MAX_PENDING)

    async def put(self, records: Sequence[RawRecord], positions: Sequence[Position] = ()) -> None:
        """Take records and wait until they are on disk, together with the positions they move."""
        done: Future[None] = Future()
        size = sum(_RECORD_ESTIMATE + len(record.value) for record in records)
        with self._lock:
            self._take(_Write(records, positions, done, size))
        await asyncio.wrap_future(done)

    async def room(self) -> None:
        """Wait until records are welcome: the spool below its bound, the disk taking what it is given."""
        event = asyncio.Event()
        with self._lock:
            if self._welcome():
                return
            self._resume.append((asyncio.get_running_loop(), event))
        await event.wait()

    def _welcome(self) -> bool:
        return not (self._full or self.failing or self._pending > _MAX_PENDING // 2)

    def _take(self, write: _Write) -> None:
        if self._closing:
            raise SpoolError("The spool is closed")
        self._writes.append(write)
        self._count += len(write.records)
        self._bytes += write.size
        self._pending_records += len(write.records)
        self._pending += write.size
        if not self._full and self._bytes >= self.max_bytes and self._when_full == "wait":
            self._fill()
        if self._idle:
            self._work.notify()

    def _fill(self) -> None:
        self._full = True
        self._log.error(
            "the spool is full: meters are not read until Kafka takes records",
            path=str(self.path),
            bytes=self._bytes,
            remedy="bring Kafka back, or give the spool more room (spool.max_mb)",
        )

    def bound(self, max_bytes: int, max_age_s: float | None, when_full: WhenFull) -> None:
        """Take other bounds, and another policy; what exceeds them is dealt with as if it had just come."""
        with self._lock:
            self.max_bytes, self._max_age_s, self._when_full = max_bytes, max_age_s, when_full
            if not self._full and self._bytes >= max_bytes and when_full == "wait":
                self._fill()
            self._relieve()

    def _relieve(self) -> None:
        """Let sources go on where there is room for them."""
        if self._full and (self._bytes < self.max_bytes * 0.9 or self._when_full != "wait"):
            self._full = False
            self._log.info("the spool has room again", bytes=self._bytes)
        if self._resume and self._welcome():
            waiting, self._resume = self._resume, []
            for loop, event in waiting:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(event.set)

    # -- out ----------------------------------------------------------------------------------------------------

    def reader(self) -> SpoolReader:
        """Return a reader for the calling thread."""
        return SpoolReader(self)

    def recent(self, after: int) -> list[Segment]:
        """Return the segments that follow sequence `after` without a gap, where they are still in memory."""
        with self._lock:
            self._let_go(after)
            if self._recent and self._recent[0].first == after + 1:
                return list(self._recent)
            return []

    def _let_go(self, sequence: int) -> None:
        while self._recent and self._recent[0].last <= sequence:
            self._recent_bytes -= self._recent.popleft().size

    def source(self) -> tuple[int, bytes]:
        """Return which file is in use, counted, and what its `ce_id` begin with."""
        with self._lock:
            return self._generation, self._prefix

    def suspect(self, error: Exception, generation: int) -> None:
        """Tell that a file cannot be read as it was written: it is moved aside and salvaged, if it is still in use."""
        with self._lock:
            if generation == self._generation:
                self._damage = error
                self._work.notify()
                self._hurry.notify()

    def wait(self, after: int, timeout: float) -> bool:
        """Wait until a record beyond sequence `after` is on disk; False at the timeout (seconds)."""
        with self._lock:
            return self._news.wait_for(lambda: self._written > after or self._closing, timeout)

    def handed(self, sequence: int) -> None:
        """Tell that Kafka's client has everything up to a sequence number: no policy drops it any more."""
        with self._lock:
            self._handed = sequence

    def forget(self, sequence: int) -> None:
        """Forget what Kafka has, all up to a sequence number. A crash before the next commit publishes it again."""
        with self._lock:
            self._published = max(self._published, sequence)
            self._let_go(sequence)
            if self._idle:
                self._work.notify()

    def settle(self, timeout: float) -> bool:
        """Wait until everything asked so far is on disk; False at the timeout (seconds)."""
        done: Future[None] = Future()
        with self._lock:
            if not self._thread.is_alive():
                return False
            self._take(_Write((), (), done, 0))
            self._urgent = True
            self._hurry.notify()
        try:
            done.result(timeout)
        except (FutureTimeout, SpoolError):
            return False
        return True

    def position(self, meter: str, profile: bytes) -> int | None:
        """Return the stamp (microseconds, UTC) of the last row of a profile that went through this spool.

        It goes back where rows were dropped: they are to be read again.
        """
        with self._lock:
            self._stale.discard((meter, profile))
            return self._positions.get((meter, profile))

    @property
    def depth(self) -> tuple[int, int]:
        """Records and octets that Kafka does not have yet; to the segment."""
        with self._lock:
            return self._count, self._bytes

    @property
    def full(self) -> bool:
        """The bound is reached, and sources wait."""
        return self._full

    @property
    def uuid(self) -> str:
        """Names this file for ever."""
        return self._uuid

    # -- the writer ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            writer = self._opened_file()
        except BaseException as error:  # noqa: BLE001  it is raised by `open`
            self._opened.set_exception(error)
            return
        self._reserve.keep()
        self._opened.set_result(None)
        last = tidied = 0.0
        try:
            while True:
                writes, published = self._next_work(last)
                damage = self._damage
                if damage is not None:
                    writer, published = self._replaced(writer, damage), 0
                if not writes and self._closing and published <= self._forgotten:
                    return
                if writes or published > self._forgotten:
                    writer = self._commit(writer, writes, published)
                    last = time.monotonic()
                if time.monotonic() - tidied >= _TIDY_EVERY_S or self._over():
                    self._tidy(writer)
                    tidied = time.monotonic()
        except _Abandoned:
            pass
        except Exception as error:
            self.failing = True  # nobody writes any more: sources must not go on
            self._log.exception("the spool has stopped by a defect", error=repr(error), remedy="restart the agent")
            raise
        finally:
            writer.close()

    def _opened_file(self) -> SpoolFile:
        rescued = _rescued(self.path)
        if rescued.exists() and not self.path.exists():
            rescued.rename(self.path)  # a salvage was cut short between its last two steps
        try:
            opened = SpoolFile(self.path)
        except sqlite3.DatabaseError as error:
            if spool_file.is_damage(error):
                opened = self._replaced(None, error)
            else:
                self._reserve.give_up()  # opening needs room too
                opened = SpoolFile(self.path)
        self._adopt(opened)
        return opened

    def _adopt(self, opened: SpoolFile) -> None:
        count, size = opened.sums()
        with self._lock:
            self._count, self._bytes = count + self._pending_records, size + self._pending
            self._uuid = opened.uuid
            self._prefix = f"{self._agent}/{opened.uuid}/".encode()
            self._positions = dict(opened.positions)
            self._written = opened.next - 1
            self._forgotten = self._published = 0
            self._generation += 1
            self._damage = None
            self._recent.clear()
            self._recent_bytes = 0
            self.oldest_us = opened.oldest_us()
            self.failing = False
            self._news.notify_all()
            self._relieve()

    def _next_work(self, last_commit: float) -> tuple[list[_Write], int]:
        """Wait for work, then for company of it; take it."""
        with self._lock:
            self._idle = True
            self._work.wait_for(
                lambda: self._writes or self._published > self._forgotten or self._closing or self._damage,
                _TIDY_EVERY_S,
            )
            self._idle = False
            early = last_commit + _COMMIT_EVERY_S - time.monotonic()
            if early > 0:
                self._hurry.wait_for(lambda: self._closing or self._urgent or self._damage, early)
            self._urgent = False
            writes, self._writes = self._writes, []
            return writes, self._published

    def _commit(self, writer: SpoolFile, writes: list[_Write], published: int) -> SpoolFile:
        """Write until it succeeds: a full or failing disk is waited out, loudly, with the records kept in memory."""
        segments, batch = self._batch(writer, writes)
        freed = (0, 0)
        while True:
            try:
                freed = writer.sums_up_to(published) if published > self._forgotten else freed
                writer.write(batch, published)
                oldest_us = writer.oldest_us()
            except sqlite3.Error as error:  # noqa: PERF203  a retry
                if spool_file.is_damage(error):
                    writer = self._replaced(writer, error)
                    segments, batch = self._batch(writer, writes)
                    published, freed = 0, (0, 0)
                    continue
                if not self._wait_for_the_disk(writer, error, published):
                    self._abandon(writes, error)
                    raise _Abandoned from None
            else:
                break
        if self.failing:
            self._log.info("the spool is written again", path=str(self.path))
        with self._lock:
            self.failing = False
            if published > self._forgotten:
                self._forgotten = published
                self._count -= freed[0]
                self._bytes -= freed[1]
            self._settle_accounts(writer, writes, segments)
            self._positions.update(((one.meter, one.profile), one.stamp_us) for _, one in batch.moved)
            self.oldest_us = oldest_us
        for write in writes:
            if write.done is not None and not write.done.done():
                write.done.set_result(None)
        return writer

    def _batch(self, writer: SpoolFile, writes: list[_Write]) -> tuple[list[Segment], Batch]:
        """Make segments of what was offered, numbered from where the file is."""
        records: list[RawRecord] = []
        spans: list[tuple[int, int, Position]] = []
        for write in writes:
            begin = len(records)
            records += write.records
            spans += [
                (begin, len(records), position)
                for position in write.positions
                # What was asked for from a position taken back since then has a gap before these rows.
                if (position.meter, position.profile) not in self._stale
            ]
        first = writer.next
        segments: list[Segment] = []
        rows: list[Row] = []
        moved: list[tuple[int, Position]] = [(0, position) for begin, end, position in spans if begin == end]
        for piece in pieces(records):
            body = encode(piece)
            rows.append(Row.of(first, [record.timestamp_us for record in piece], body))
            segments.append(Segment(first, piece, len(body), self._prefix))
            begin, first = first - writer.next, first + len(piece)
            end = first - writer.next
            moved += [(rows[-1].first, position) for start, stop, position in spans if start < end and stop > begin]
        return segments, Batch(rows, moved, first)

    def _settle_accounts(self, writer: SpoolFile, writes: list[_Write], segments: list[Segment]) -> None:
        estimated = sum(write.size for write in writes)
        self._pending -= estimated
        self._pending_records -= sum(len(write.records) for write in writes)
        written = sum(segment.size for segment in segments)
        self._bytes += written - estimated
        if self._recent_bytes + written > _MAX_RECENT:
            self._recent.clear()  # the publisher is behind: it reads the file
            self._recent_bytes = 0
        self._recent += segments
        self._recent_bytes += written
        self._written = writer.next - 1
        self._news.notify_all()
        self._relieve()

    def _wait_for_the_disk(self, writer: SpoolFile, error: sqlite3.Error, published: int) -> bool:
        """Say once that the disk fails, make what room is possible, and wait; False where the spool is closing."""
        self._say_failing(error)
        with self._lock:
            if self._hurry.wait_for(lambda: self._closing, _RETRY_S):
                return False
            published = self._published
        if published > self._forgotten:
            # Deleting needs little room, which is kept for it, and gives pages that writing can use.
            self._reserve.give_up()
            try:
                writer.empty_journal()
                freed = writer.sums_up_to(published)
                writer.write(Batch(), published)
                writer.empty_journal()
            except sqlite3.Error:
                return True
            finally:
                self._reserve.take_back()
            with self._lock:
                self._forgotten = published
                self._count -= freed[0]
                self._bytes -= freed[1]
        return True

    def _say_failing(self, error: Exception) -> None:
        if not self.failing:
            self.failing = True
            self._log.error(
                "the spool cannot be written: records wait in memory, and meters with them",
                path=str(self.path),
                error=str(error),
                remedy="free space on the disk, or check it",
            )

    def _abandon(self, writes: list[_Write], error: Exception) -> None:
        """Say what is lost; the spool is closing, nothing more is offered."""
        writes = writes + self._writes
        lost = sum(len(write.records) for write in writes)
        self._log.error("stopped before the spool could be written", lost_records=lost, error=str(error))
        for write in writes:
            if write.done is not None and not write.done.done():
                write.done.set_exception(SpoolError(f"The spool cannot be written: {error}"))

    # -- bounds -------------------------------------------------------------------------------------------------

    def _over(self) -> bool:
        return self._when_full == "drop-oldest" and self._bytes - self._pending > self.max_bytes

    def _tidy(self, writer: SpoolFile) -> None:
        """Drop what the policies say, and give free pages back."""
        try:
            max_age_s = self._max_age_s
            if max_age_s is not None:
                older = now_us() - int(max_age_s * 1e6)
                self._drop(writer, writer.drop(self._handed, older_than_us=older), "max_age")
            if self._over():
                octets = self._bytes - self._pending - int(self.max_bytes * 0.9)
                self._drop(writer, writer.drop(self._handed, octets=octets), "max_mb")
            self._say_dropped()
            writer.shrink()
            self._reserve.keep()
        except sqlite3.Error as error:
            if spool_file.is_damage(error):
                self.suspect(error, self._generation)

    def _drop(self, writer: SpoolFile, dropped: Dropped | None, bound: str) -> None:
        if dropped is None:
            return
        oldest_us = writer.oldest_us()
        with self._lock:
            self._count -= dropped.records
            self._bytes -= dropped.octets
            self.dropped_records += dropped.records
            self.dropped_bytes += dropped.octets
            fallen = {pair for pair, stamp in self._positions.items() if writer.positions.get(pair) != stamp}
            self._positions = dict(writer.positions)
            self._stale |= fallen
            self._recent.clear()
            self._recent_bytes = 0
            self.oldest_us = oldest_us
            self._relieve()
        before = self._dropping
        self._dropping = dropped if before is None else Dropped(
            before.records + dropped.records,
            before.octets + dropped.octets,
            min(before.first_us, dropped.first_us),
            max(before.last_us, dropped.last_us),
            before.profiles + dropped.profiles,
        )  # fmt: skip
        self._bound = bound

    def _say_dropped(self) -> None:
        """Say what was dropped, at once and then at most once a minute."""
        dropped, now = self._dropping, time.monotonic()
        if dropped is None or (self._said_dropped is not None and now - self._said_dropped < _SAY_AGAIN_S):
            return
        self._dropping, self._said_dropped = None, now
        self._log.error(
            "the spool has dropped its oldest records: Kafka was away for too long",
            bound=f"spool.{self._bound}",
            records=dropped.records,
            bytes=dropped.octets,
            first_received=_iso(dropped.first_us),
            last_received=_iso(dropped.last_us),
            profiles_read_again=dropped.profiles,
            remedy="bring Kafka back, or give the spool more room (spool.max_mb, spool.max_age)",
        )

    # -- damage -------------------------------------------------------------------------------------------------

    def _replaced(self, writer: SpoolFile | None, error: Exception) -> SpoolFile:
        """Move a damaged file aside, take over what is readable of it into a new one, and return that.

        Where that fails too, sources wait until it succeeds; at the start the error is raised.
        """
        if writer is None:
            return self._salvaged(1, error)
        writer.close()
        while True:
            try:
                opened = self._salvaged(writer.next, error)
            except (sqlite3.Error, OSError) as obstacle:  # noqa: PERF203  a retry
                self._say_failing(obstacle)
                with self._lock:
                    if self._hurry.wait_for(lambda: self._closing, _RETRY_S):
                        self._abandon([], obstacle)
                        raise _Abandoned from None
            else:
                self._adopt(opened)
                return opened

    def _salvaged(self, following: int, error: Exception) -> SpoolFile:
        rows, positions = spool_file.salvage(self.path)
        rescued = _rescued(self.path)
        _remove(rescued)
        made = SpoolFile(rescued, first=max([following, *(row.first + row.records for row in rows)]))
        made.write(Batch(moved=[(0, position) for position in positions]))
        for row in rows:
            made.write(Batch([row._replace(first=made.next)], next=made.next + row.records))
        made.close()
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}")
        for suffix in ("", "-wal", "-shm"):
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        rescued.rename(self.path)
        self.damaged += 1
        self._log.error(
            "the spool was damaged: it was moved aside, and what could be read of it is published",
            aside=str(aside),
            salvaged_records=sum(row.records for row in rows),
            error=str(error),
            remedy="check the disk; keep the file if what it holds matters. Profiles are read again where needed",
        )
        return SpoolFile(self.path)


class SpoolReader:
    """Reads the spool in order; belongs to one thread."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._generation, self._prefix = 0, b""
        self._connection: sqlite3.Connection | None = None

    def read(self, after: int) -> list[Segment]:
        """Return segments beyond sequence `after`, oldest first; at least one if there is one.

        Where the file is damaged, the spool is told, and nothing is returned until it has another.
        Raises sqlite3.Error.
        """
        found = self._spool.recent(after)
        if found:
            return found
        generation, prefix = self._spool.source()
        if generation != self._generation:
            self.close()
        try:
            if self._connection is None:
                # A new file here would come between a damaged one and the one that replaces it.
                self._connection = spool_file.connect(self._spool.path, create=False)
                self._generation, self._prefix = generation, prefix
            rows = list(spool_file.read(self._connection, after, _MAX_READ))
            return [Segment(row.first, decode(row.body, row.crc), len(row.body), self._prefix) for row in rows]
        except SegmentDamaged as error:
            self._spool.suspect(error, generation)
        except sqlite3.DatabaseError as error:
            if not spool_file.is_damage(error):
                raise
            self._spool.suspect(error, generation)
        return []

    def close(self) -> None:
        """Close the connection; reading opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _rescued(path: Path) -> Path:
    return path.with_name(path.name + ".salvaged")


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _iso(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, tz=timezone.utc).isoformat(timespec="seconds")
