"""A serial line: one port, several meters in turn.

The line belongs to one link at a time; who wants it next waits. A port is opened for each turn and closed after it:
that resets what hung, and finds an adapter again that was unplugged, also under another name.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import termios
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import serial

from ami_ingest.bounded import bounded
from ami_ingest.config.endpoint import Opening, SerialLine
from ami_ingest.errors import SerialPortFailed
from ami_ingest.transport import mode_e
from ami_ingest.transport.inbox import Inbox, within

BY_ID: Final = Path("/dev/serial/by-id")
"""Where udev names adapters by maker, type and serial number."""
DEFAULT_BAUD: Final = 9600
"""What HDLC on a serial line begins with where nothing else is agreed (IEC 62056-46, 5.2)."""

_THREADS: Final = ThreadPoolExecutor(16, "serial")
"""Open, reset and close ports: with a hung adapter each of it takes seconds in the kernel."""
_READ: Final = 4096
_TURN_S: Final = 60.0
"""Longest wait for the line, where the time to connect is shorter: each meter before us bounds its own waits."""
_LOOK_S: Final = 0.2
_RESET_S: Final = 0.1
_GAP_OCTETS: Final = 10
"""Octets are collected for as long as these take: one wake-up for ten instead of one for each."""
_FLAG: Final = 0x7E
_GONE: Final = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO)
_WORDS: Final = {
    errno.ENOENT: ("Missing", "plug the adapter in, or correct the path; `ls /dev/serial/by-id` names adapters"),
    errno.EACCES: ("Not Permitted", "add the user of the agent to the group that owns the port (often dialout)"),
    errno.EPERM: ("Not Permitted", "add the user of the agent to the group that owns the port (often dialout)"),
    errno.EAGAIN: ("In Use", "another program has the port; stop it, or ask the running agent to read the meter"),
    errno.EBUSY: ("In Use", "another program has the port; stop it, or ask the running agent to read the meter"),
    errno.ENOTTY: ("Not a Serial Port", "correct the path: it names no serial port"),
    errno.EINVAL: ("Settings Refused", "the port cannot have this speed or parity; correct the address"),
    errno.EIO: ("Lost", "look at the adapter and its cable; it is found again when it is back"),
    errno.ENXIO: ("Lost", "look at the adapter and its cable; it is found again when it is back"),
    errno.ENODEV: ("Lost", "look at the adapter and its cable; it is found again when it is back"),
}


@dataclass(slots=True)
class LineState:
    """What is known of a line between turns."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    seen: bool = False
    """Whether the port could be opened once: then it may come back."""
    name: Path | None = None
    """Of the adapter below `by-id`."""
    mute: bool = False
    """Whether nothing at all came in the last turn: the port may hang."""
    resets: int = 0
    """How often the port was reset because it may have hung."""
    gone: bool = False
    """Whether the port was lost and not opened since."""
    returns: int = 0
    """How often the port came back after it was gone."""


_states: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, LineState]] = weakref.WeakKeyDictionary()


def line_state(device: str) -> LineState:
    """Return what this event loop knows of a line."""
    return line_states().setdefault(device, LineState())


def line_states() -> dict[str, LineState]:
    """Return what this event loop knows of all lines, by device; it goes on being true."""
    return _states.setdefault(asyncio.get_running_loop(), {})


class SerialLink:
    """An open serial line, ours until it is closed. A Link."""

    def __init__(self, port: serial.Serial, line: SerialLine, state: LineState) -> None:
        self._port = port
        self._line = line
        self._state = state
        self._fd: int = port.fileno()
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox()
        self._echo = bytearray()
        self._pause: asyncio.TimerHandle | None = None
        self._sent = self._received = 0
        self._open = True
        self._loop.add_reader(self._fd, self._readable)

    def set_speed(self, baud: int) -> None:
        """Change the speed of the line. Raises SerialPortFailed."""
        try:
            self._port.baudrate = baud
        except (OSError, ValueError, termios.error) as error:
            raise port_failed(error) from None

    @property
    def octet_s(self) -> float:
        """How long one octet takes on the line, seconds."""
        bits = 9 + self._line.stop_bits + (self._line.parity != "N")
        return bits / float(self._port.baudrate)

    async def send(self, data: bytes, timeout_s: float) -> None:
        """Send octets, and wait while they are on the line: who waits for an answer counts from then."""
        began = time.monotonic()
        if self._inbox.error is not None:
            raise self._inbox.error
        if self._line.echo:
            self._echo += data
        left = memoryview(data)
        while left:
            try:
                written = os.write(self._fd, left)
            except BlockingIOError:
                written = 0
            except OSError as error:
                raise self._lose(error) from None
            left = left[written:]
            if left and not await self._writable(began + timeout_s - time.monotonic()):
                self._state.mute = True
                raise SerialPortFailed(
                    f"Serial Port Hung (no octet taken within {timeout_s:g} s)",
                    "the port is reset for the next meter; if it stays so, unplug the adapter and look at its driver",
                    "the port's buffer is full, and the adapter takes nothing out of it",
                )
        self._sent += len(data)
        await asyncio.sleep(max(0.0, began + len(data) * self.octet_s - time.monotonic()))

    async def receive(self, timeout_s: float) -> bytes:
        """Return the next octets; see `Link`."""
        return await self._inbox.take(timeout_s)

    async def close(self) -> None:
        """Close the port and give the line to who waits for it."""
        if not self._open:
            return
        self._open = False
        self._stop_reading()
        self._loop.remove_writer(self._fd)
        self._state.mute = self._state.mute or (self._sent > 0 and self._received == 0)
        closing = self._loop.run_in_executor(_THREADS, _close, self._port)
        closing.add_done_callback(lambda _closed: self._state.lock.release())
        await asyncio.shield(closing)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _READ)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if not data:
            if _hung_up(self._fd):
                self._lose(OSError(errno.EIO, os.strerror(errno.EIO)))
            return
        self._received += len(data)
        self._state.mute = False
        data = self._without_echo(data)
        if data:
            self._inbox.put(data)
        if not data or data[-1] != _FLAG:
            self._loop.remove_reader(self._fd)
            self._pause = self._loop.call_later(_GAP_OCTETS * self.octet_s, self._read_on)

    def _read_on(self) -> None:
        self._pause = None
        self._loop.add_reader(self._fd, self._readable)

    def _without_echo(self, data: bytes) -> bytes:
        """Take away what the line gives back of what was sent; the first other octet ends that."""
        if not self._echo:
            return data
        count = min(len(self._echo), len(data))
        if self._echo[:count] != data[:count]:
            self._echo.clear()
            return data
        del self._echo[:count]
        return data[count:]

    async def _writable(self, timeout_s: float) -> bool:
        ready = self._loop.create_future()
        self._loop.add_writer(self._fd, _settle, ready)
        try:
            return await within(ready, max(0.0, timeout_s))
        finally:
            self._loop.remove_writer(self._fd)

    def _lose(self, error: OSError) -> SerialPortFailed:
        """Note that the port is gone."""
        self._stop_reading()
        self._state.gone = self._state.gone or _number(error) in _GONE
        lost = port_failed(error)
        self._inbox.end(lost)
        return lost

    def _stop_reading(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self._loop.remove_reader(self._fd)


async def open_line(line: SerialLine, timeout_s: float, *, by_id: Path = BY_ID) -> SerialLink:
    """Wait for our turn on the line, open its port, and say the sign-on where that is asked for.

    Raises SerialPortFailed, OpeningFailed or NoAnswer.
    """
    state = line_state(line.device)
    wait_s = max(timeout_s, _TURN_S)
    try:
        await bounded(state.lock.acquire(), wait_s, undo=lambda _taken: state.lock.release())
    except asyncio.TimeoutError:
        raise SerialPortFailed(
            f"Serial Port In Use (by another meter of this line for {wait_s:g} s)",
            "look for a session that does not end; give the meters of one line a network with concurrency 1",
            "the line carries one conversation at a time, and our turn did not come",
        ) from None
    try:
        link = SerialLink(await _opened(line, state, timeout_s, by_id), line, state)
    except BaseException:
        state.lock.release()
        raise
    try:
        if line.opening is Opening.MODE_E:
            await mode_e.sign_on(link, line, timeout_s)
    except BaseException:
        await link.close()
        raise
    return link


async def _opened(line: SerialLine, state: LineState, timeout_s: float, by_id: Path) -> serial.Serial:
    """Open the port; one that was there before may come back in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        device = _place(line.device, state)
        opening = asyncio.get_running_loop().run_in_executor(_THREADS, partial(_port, device, line, reset=state.mute))
        try:
            port = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unwanted)
            raise
        except (OSError, ValueError, termios.error) as error:
            if not state.seen or _number(error) not in _GONE:
                raise port_failed(error) from None
            state.gone = True
            if time.monotonic() >= deadline:
                raise port_failed(error) from None
            await asyncio.sleep(_LOOK_S)
            continue
        state.seen = True
        if state.gone:
            state.gone = False
            state.returns += 1
        state.name = state.name or adapter_name(line.device, by_id)
        state.resets += state.mute
        state.mute = False
        return port


def _port(device: str, line: SerialLine, *, reset: bool) -> serial.Serial:
    """Open a port; in a thread, as one that hangs keeps whoever asks it for anything."""
    port = serial.Serial(
        device, line.baud or DEFAULT_BAUD, parity=line.parity, stopbits=line.stop_bits, timeout=0, exclusive=True
    )
    if reset:
        _reset(port)
    return port


def _close_unwanted(opening: asyncio.Future[serial.Serial]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        _THREADS.submit(_close, opening.result())


def _reset(port: serial.Serial) -> None:
    """Drop what is under way and the modem lines, which power many heads and adapters, for a moment."""
    # A port may have no such lines.
    with contextlib.suppress(OSError, termios.error):
        port.dtr = port.rts = False
        time.sleep(_RESET_S)
        port.dtr = port.rts = True
        port.reset_output_buffer()
        port.reset_input_buffer()


def adapter_name(device: str, by_id: Path = BY_ID) -> Path | None:
    """Return the adapter's own name of a port like `/dev/ttyUSB0`, None where it has none or is named by it."""
    if Path(device).parent == by_id:
        return None
    target = os.path.realpath(device)
    try:
        names = sorted(by_id.iterdir())
    except OSError:
        return None
    return next((name for name in names if os.path.realpath(name) == target), None)


def _place(device: str, state: LineState) -> str:
    """Return where the port is now: an adapter plugged in again may have got another number, and another ours."""
    return device if state.name is None else str(state.name)


def _close(port: serial.Serial) -> None:
    # Octets that nobody takes would hold the closing up for half a minute.
    with contextlib.suppress(OSError, termios.error):
        termios.tcflush(port.fileno(), termios.TCIOFLUSH)
    with contextlib.suppress(OSError, termios.error):
        port.close()


def _hung_up(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return any(state & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, state in poll.poll(0))


def _settle(ready: asyncio.Future[bool]) -> None:
    if not ready.done():
        ready.set_result(True)


def _number(error: BaseException) -> int:
    if isinstance(error, termios.error):
        return int(error.args[0]) if error.args else 0
    number = getattr(error, "errno", None)
    # pyserial tells of a port that it cannot set up in words, with the system's error behind them.
    return number or (_number(error.__context__) if error.__context__ is not None else 0)


def port_failed(error: BaseException) -> SerialPortFailed:
    """Put what the system says about a port into our words."""
    number = _number(error) or errno.EINVAL
    words, remedy = _WORDS.get(number, ("Failed", "look at the adapter, its cable and its driver"))
    return SerialPortFailed(f"Serial Port {words} (Error {number})", remedy, os.strerror(number))
