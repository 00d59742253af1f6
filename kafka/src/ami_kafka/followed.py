"""A table followed in a thread of its own, for as long as it takes: what goes wrong is told once, and tried again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from ami_kafka.errors import KafkaRoomError
from ami_kafka.table import Table

_AGAIN_S: Final = 1.0

Session = Callable[[Table, threading.Event], None]
"""Reads a table from its beginning until the event is set; raises what keeps it from that."""


class FollowedTable:
    """Runs a session over a table in a thread, and another, over the table opened anew, a second after one failed."""

    def __init__(self, bootstrap: str, topic: str, session: Session, on_trouble: Callable[[str], None]) -> None:
        """Begin nothing yet; `on_trouble` hears, in the thread, in one sentence why a session failed."""
        self._bootstrap = bootstrap
        self._topic = topic
        self._session = session
        self._on_trouble = on_trouble
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"follow-{topic}", daemon=True)
        self.trouble = "it is being read"
        """Why the table is not followed at present: the session says how far it came, and with "" that all is well."""

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with Table(self._bootstrap, self._topic) as table:
                    self._session(table, self._stop)
            except KafkaRoomError as error:
                self._tell(str(error))
            except Exception as error:  # noqa: BLE001  a thread must not end in silence
                self._tell(f"{type(error).__name__}: {error}")
            self._stop.wait(_AGAIN_S)

    def _tell(self, sentence: str) -> None:
        if sentence != self.trouble:
            self._on_trouble(sentence)
        self.trouble = sentence
