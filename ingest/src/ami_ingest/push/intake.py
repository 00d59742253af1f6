"""What all push sockets have in common: who a peer is, where messages go, and waiting where nothing more is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

from ami_dlms.framing import Message
from ami_ingest.config.endpoint import location
from ami_ingest.push.admission import Admission
from ami_ingest.push.confirm import confirmation
from ami_ingest.record import ExchangeKind, Origin, RawRecord, Recorder, Transport, now_us


class Sink(Protocol):
    """Where records go: the spool, or a list in tests."""

    def offer(self, records: Sequence[RawRecord], done: Future[None] | None = None) -> bool:
        """Take records; False asks to stop reading until `room()` returns. `done` is resolved when they are safe."""

    async def room(self) -> None:
        """Wait until more can be taken."""


class Reader(Protocol):
    """An open connection, as the intake and the listener use it."""

    def pause(self) -> None:
        """Stop reading: the sink takes nothing."""

    def resume(self) -> None:
        """Read again."""

    def flush_if_idle(self, before: float) -> None:
        """Give up waiting for the rest of a message, if nothing came since `before` (monotonic seconds)."""

    def finish(self) -> None:
        """Flush and close."""


class Intake:
    """Makes records of messages and gives them to the sink; one for all sockets of a listener."""

    def __init__(self, sink: Sink, admission: Admission, *, agent: str) -> None:
        self._sink = sink
        self._agent = agent
        self.admission = admission
        self.readers: set[Reader] = set()
        """All open connections."""
        self.generation = 0
        """Grows when the inventory changes: what is remembered of a peer is then looked up again."""
        self.received = 0
        """Octets received."""
        self.dropped = 0
        """Octets of datagrams that could not be taken: the spool is full, or the peer beyond its rate."""
        self.confirmed = 0
        """Pushes confirmed to senders that asked for it."""
        self._waiting: asyncio.Task[None] | None = None

    @property
    def held(self) -> bool:
        """The sink takes nothing now: nobody reads."""
        return self._waiting is not None

    def recorder(self, transport: Transport, host: str, port: int) -> Recorder:
        """Return what makes the records of a peer; with the inventory's knowledge of its address."""
        sender = self.admission.sender(host)
        return Recorder(
            Origin(
                agent=self._agent,
                transport=transport,
                exchange=ExchangeKind.PUSH,
                address=host,
                subject=location(host, port),
                meter=None if sender is None else sender.id,
                system_title=None if sender is None else sender.system_title,
            )
        )

    def take(
        self,
        messages: Sequence[Message],
        host: str,
        recorder: Recorder,
        reply: Callable[[bytes], None],
    ) -> None:
        """Make records of messages and give them to the sink; confirm what asks for it once it is safe."""
        messages = self.admission.admitted(host, messages)
        if not messages:
            return
        done: Future[None] | None = None
        answers = [answer for message in messages if (answer := confirmation(message))]
        if answers:
            done = Future()
            loop = asyncio.get_running_loop()
            done.add_done_callback(
                lambda ended: None if ended.exception() else _soon(loop, self._confirm, answers, reply)
            )
        if not self._sink.offer(recorder.records(messages, now_us()), done):
            self._hold()

    def _confirm(self, answers: Sequence[bytes], reply: Callable[[bytes], None]) -> None:
        for answer in answers:
            self.confirmed += 1
            reply(answer)

    def _hold(self) -> None:
        """Stop all reading until the sink has room: what the kernel holds waits there, and peers with it."""
        if self._waiting is None:
            for reader in self.readers:
                reader.pause()
            self._waiting = asyncio.get_running_loop().create_task(self._wait())

    async def _wait(self) -> None:
        await self._sink.room()
        self._waiting = None
        for reader in list(self.readers):
            reader.resume()

    def stop(self) -> None:
        """Wait no longer."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


def _soon(
    loop: asyncio.AbstractEventLoop,
    confirm: Callable[[Sequence[bytes], Callable[[bytes], None]], None],
    answers: Sequence[bytes],
    reply: Callable[[bytes], None],
) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(confirm, answers, reply)
