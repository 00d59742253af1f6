"""All peers of one UDP socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, cast

from ami_dlms.framing import Assembler, BlockTaken, Message
from ami_ingest.config.endpoint import plain_host
from ami_ingest.push.confirm import BlockConfirmer
from ami_ingest.push.gaps import CounterGaps
from ami_ingest.push.intake import Intake
from ami_ingest.record import Recorder, Transport

Peer = tuple[str, int]

_MAX_PEERS: Final = 50_000
_RECORDERS: Final = 4096
_BUFFER: Final = 8 << 20
_TABLES: Final = (Path("/proc/net/udp"), Path("/proc/net/udp6"))
_INODE, _DROPS = 9, 12
"""Columns of these tables (proc_pid_net(5))."""


class _Unfinished:
    """A peer with octets that no message holds yet."""

    __slots__ = ("assembler", "blocks", "last")

    def __init__(self, assembler: Assembler) -> None:
        self.assembler = assembler
        self.blocks = BlockConfirmer()
        self.last = 0.0


class Datagrams(asyncio.DatagramProtocol):
    """A peer without unfinished octets costs nothing."""

    def __init__(self, intake: Intake, gaps: CounterGaps) -> None:
        self._intake = intake
        self._gaps = gaps
        self._transport: asyncio.DatagramTransport | None = None
        self._unfinished: dict[Peer, _Unfinished] = {}
        self._recorders: OrderedDict[Peer, Recorder] = OrderedDict()
        self._generation = 0
        self._inode = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            # Bursts of datagrams wait in the kernel while Python is busy.
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            self._inode = Path(f"/proc/self/fd/{sock.fileno()}").stat().st_ino if _TABLES[0].exists() else 0

    @property
    def inode(self) -> int:
        """Of the socket, 0 where the system does not tell."""
        return self._inode

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Take a datagram."""
        intake = self._intake
        host = plain_host(str(addr[0]))
        if intake.held or not intake.admission.takes(host, len(data)):
            # A datagram cannot be left in the network; its loss is counted.
            intake.dropped += len(data)
            return
        intake.received += len(data)
        peer = (str(addr[0]), int(addr[1]))
        held = self._unfinished.pop(peer, None)
        if held is None:
            held = _Unfinished(Assembler(on_block=lambda taken: self._on_block(peer, taken)))
            self._unfinished[peer] = held  # a block of this datagram may ask at once
        messages = held.assembler.receive(data)
        self._unfinished.pop(peer, None)
        if messages:
            self._take(messages, peer)
        if held.assembler.pending:
            if len(self._unfinished) >= _MAX_PEERS:
                self._flush(next(iter(self._unfinished)))  # the one silent for longest
            held.last = time.monotonic()
            self._unfinished[peer] = held

    def error_received(self, exc: Exception) -> None:
        """Do nothing: a confirmation did not reach its peer, which then repeats its push."""

    def flush(self, before: float | None) -> None:
        """Flush peers silent since `before` (monotonic seconds), or all."""
        for peer, held in list(self._unfinished.items()):
            if before is not None and held.last >= before:
                return  # in order of their last datagram
            self._flush(peer)

    def _flush(self, peer: Peer) -> None:
        message = self._unfinished.pop(peer).assembler.flush()
        if message is not None:
            self._take([message], peer)

    def _take(self, messages: Sequence[Message], peer: Peer) -> None:
        self._gaps.note(messages)
        self._intake.take(messages, plain_host(peer[0]), self._known(peer), lambda answer: self._reply(answer, peer))

    def _known(self, peer: Peer) -> Recorder:
        if self._generation != self._intake.generation:
            self._recorders.clear()
            self._generation = self._intake.generation
        recorder = self._recorders.pop(peer, None) or self._intake.recorder(Transport.UDP, plain_host(peer[0]), peer[1])
        self._recorders[peer] = recorder
        if len(self._recorders) > _RECORDERS:
            self._recorders.popitem(last=False)
        return recorder

    def _on_block(self, peer: Peer, taken: BlockTaken) -> None:
        held = self._unfinished.get(peer)
        answer = None if held is None else held.blocks.answer(taken)
        if answer is not None:
            self._reply(answer, peer)

    def _reply(self, data: bytes, peer: Peer) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, peer)


def kernel_drops(inodes: Iterable[int]) -> int:
    """Return how many datagrams the kernel dropped at these sockets since they were opened, as it counts them."""
    wanted = {str(inode) for inode in inodes if inode}
    drops = 0
    for table in _TABLES:
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if len(columns) > _DROPS and columns[_INODE] in wanted:
                drops += int(columns[_DROPS])
    return drops
