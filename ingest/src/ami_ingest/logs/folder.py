"""`ingest.log` with everything and `error.log` with what somebody should look at, written by a thread of their own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from ami_ingest.logs.line import Event
from ami_ingest.logs.rotating import RotatingFile

ALL, ERRORS = "ingest.log", "error.log"
_GRAVE: Final = frozenset({"warning", "error", "critical"})
_MOST_WAITING: Final = 10_000
_TICK_S: Final = 1.0


class Trouble(NamedTuple):
    """Why the files are not written."""

    path: Path
    reason: str
    left_out: int
    """Lines left out so far."""


class Folder:
    """The files of a log folder. `put` never waits; what the disk cannot follow is left out of the files, and told.

    `trouble` is called from the thread: once when lines cannot be written, once (with None) when they can again.
    """

    def __init__(
        self,
        folder: Path,
        form: Callable[[Event], str],
        *,
        max_bytes: int | None,
        keep: int,
        trouble: Callable[[Trouble | None], None],
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._form = form
        self._files = {name: RotatingFile(folder / name, max_bytes, keep) for name in (ALL, ERRORS)}
        self._trouble = trouble
        self._tick = tick
        self._waiting: queue.Queue[Event | None] = queue.Queue(_MOST_WAITING)
        self._failing = False
        self.left_out = 0
        """Lines that no file has."""
        self._thread = threading.Thread(target=self._run, name="log-files", daemon=True)

    def start(self) -> None:
        """Make the folder if it is missing, and start the thread."""
        self._thread.start()

    def put(self, event: Event) -> None:
        """Have an event written."""
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self.left_out += 1

    def close(self) -> None:
        """Write what waits, and end."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()
        for file in self._files.values():
            file.close()

    def _run(self) -> None:
        while True:
            try:
                event = self._waiting.get(timeout=_TICK_S)
            except queue.Empty:
                self._tick()
                continue
            events, ended = self._all_waiting(event)
            if events:
                self._write(events)
            if ended:
                return

    def _all_waiting(self, event: Event | None) -> tuple[list[Event], bool]:
        events: list[Event] = []
        while event is not None:
            events.append(event)
            try:
                event = self._waiting.get_nowait()
            except queue.Empty:
                return events, False
        return events, True

    def _write(self, events: list[Event]) -> None:
        for name, chosen in ((ALL, events), (ERRORS, [each for each in events if each.get("level") in _GRAVE])):
            file = self._files[name]
            if not chosen:
                continue
            try:
                file.path.parent.mkdir(parents=True, exist_ok=True)
                file.write("".join(f"{self._form(each)}\n" for each in chosen))
            except OSError as error:
                self.left_out += len(events) if name == ALL else 0
                if not self._failing:
                    self._failing = True
                    self._trouble(Trouble(file.path, error.strerror or type(error).__name__, self.left_out))
                return
        if self._failing:
            self._failing = False
            self._trouble(None)


def writable(folder: Path) -> bool:
    """Tell whether lines can be appended in a folder that exists."""
    try:
        file = RotatingFile(folder / ALL, None, 0)
        file.write("")
        file.close()
    except OSError:
        return False
    return True
