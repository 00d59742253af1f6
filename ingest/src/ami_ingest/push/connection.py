"""One TCP connection of a pushing peer."""

from __future__ import annotations

import asyncio
import time
from typing import cast

from ami_dlms.framing import Assembler, BlockTaken
from ami_ingest.config.endpoint import plain_host
from ami_ingest.keepalive import keep_alive
from ami_ingest.push.confirm import BlockConfirmer, HdlcConfirmer
from ami_ingest.push.intake import Intake
from ami_ingest.record import Recorder, Transport


class Connection(asyncio.Protocol):
    """Octets in, records out. What only some peers need is made when they need it: thousands just stay connected."""

    __slots__ = (
        "_assembler", "_blocks", "_generation", "_hdlc", "_host", "_intake", "_last", "_port", "_recorder", "_resuming",
        "_transport",
    )  # fmt: skip

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._host = ""
        self._port = 0
        self._last = 0.0
        self._generation = -1
        self._transport: asyncio.Transport | None = None
        self._assembler: Assembler | None = None
        self._recorder: Recorder | None = None
        self._blocks: BlockConfirmer | None = None
        self._hdlc: HdlcConfirmer | None = None
        self._resuming: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        connected = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername") or ("unknown", 0)
        host = plain_host(str(name[0]))
        if not self._intake.admission.connect(host):
            connected.abort()
            return
        self._transport, self._host, self._port = connected, host, int(name[1])
        self._intake.readers.add(self)
        keep_alive(transport)
        if self._intake.held:
            connected.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Take octets of the peer."""
        if self._transport is None:
            return
        self._last = time.monotonic()
        intake = self._intake
        intake.received += len(data)
        if self._assembler is None:
            self._assembler = Assembler(on_block=self._on_block)
        if self._hdlc is not None or HdlcConfirmer.is_called(data):
            self._answer_hdlc(data)
        messages = self._assembler.receive(data)
        if messages:
            intake.take(messages, self._host, self._known(), self._reply)
        pause = intake.admission.pause_for(self._host, len(data))
        if pause and self._resuming is None:
            self._transport.pause_reading()
            self._resuming = asyncio.get_running_loop().call_later(pause, self._within_rate)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the protocol's signature
        """End with the peer."""
        self.finish()

    def flush_if_idle(self, before: float) -> None:
        """Give up waiting for the rest of a message, if nothing came since `before` (monotonic seconds)."""
        if self._last < before and self._assembler is not None and self._assembler.pending:
            self._flush()

    def finish(self) -> None:
        """Flush and close; further calls do nothing."""
        transport, self._transport = self._transport, None
        if transport is None:
            return
        self._flush()
        if self._resuming is not None:
            self._resuming.cancel()
        self._intake.readers.discard(self)
        self._intake.admission.leave(self._host)
        transport.close()

    def pause(self) -> None:
        """Stop reading: the sink takes nothing."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again, unless the peer is beyond its rate."""
        if self._transport is not None and not self._transport.is_closing() and self._resuming is None:
            self._transport.resume_reading()

    def _within_rate(self) -> None:
        self._resuming = None
        if not self._intake.held:
            self.resume()

    def _flush(self) -> None:
        message = None if self._assembler is None else self._assembler.flush()
        if message is not None:
            self._intake.take([message], self._host, self._known(), self._reply)

    def _known(self) -> Recorder:
        if self._recorder is None or self._generation != self._intake.generation:
            self._recorder = self._intake.recorder(Transport.TCP, self._host, self._port)
            self._generation = self._intake.generation
        return self._recorder

    def _on_block(self, taken: BlockTaken) -> None:
        if self._blocks is None:
            self._blocks = BlockConfirmer()
        answer = self._blocks.answer(taken)
        if answer is not None:
            self._reply(answer)

    def _answer_hdlc(self, data: bytes) -> None:
        if self._hdlc is None:
            self._hdlc = HdlcConfirmer()
        answer = self._hdlc.answer(data)
        if answer:
            self._reply(answer)

    def _reply(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
