"""The sign-on of IEC 62056-21 mode E on a serial line: from 300 baud to HDLC at the speed the meter offers."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from ami_dlms.errors import DlmsError
from ami_dlms.link import mode_e
from ami_ingest.config.endpoint import SerialLine
from ami_ingest.errors import OpeningFailed
from ami_ingest.transport.link import timeout_error

if TYPE_CHECKING:
    from ami_ingest.transport.serial_line import SerialLink

_MAX_LINE: Final = 200
_SWITCH_S: Final = {True: 0.02, False: 0.2}
"""Time the meter has to change its speed, by whether it is a quick one (IEC 62056-21, 6.3.2)."""
_STX: Final = 0x02
_AGAIN = "wait until the meter has ended its last session (up to two minutes), and check the optical head's place"
_GARBLED = "the sign-on at 300 baud was answered, but not as IEC 62056-21 says"


async def sign_on(link: SerialLink, line: SerialLine, timeout_s: float) -> mode_e.Identification:
    """Lead a meter to HDLC. Raises OpeningFailed, NoAnswer, or SerialPortFailed."""
    link.set_speed(mode_e.OPENING_BAUD)
    deadline = time.monotonic() + timeout_s
    try:
        await link.send(mode_e.with_parity(mode_e.sign_on(line.address)), timeout_s)
        identification = mode_e.read_identification(await _identification(link, deadline, timeout_s))
        if not identification.hdlc:
            raise OpeningFailed(
                f"Mode E Not Offered (by {identification.manufacturer} '{identification.name}')",
                "this port speaks only the text protocol of IEC 62056-21, or HDLC without opening: try opening=hdlc",
                "its identification does not name mode E",
            )
        baud = min(identification.baud, line.baud or identification.baud)
        acknowledgement = mode_e.acknowledgement(baud)
        await link.send(mode_e.with_parity(acknowledgement), timeout_s)
        await _confirmation(link, acknowledgement, deadline)
    except DlmsError as error:
        raise OpeningFailed(f"Mode E Opening Failed ({error})", _AGAIN, _GARBLED) from None
    link.set_speed(baud)
    await asyncio.sleep(_SWITCH_S[identification.quick])
    return identification


async def _identification(link: SerialLink, deadline: float, timeout_s: float) -> bytes:
    """Return the identification message, noise and an echo of the sign-on before it removed."""
    came = b""
    while True:
        begin = came.find(b"/")
        end = came.find(b"\n", begin)
        if begin >= 0 and end >= 0:
            found, came = came[begin : end + 1], came[end + 1 :]
            if not found.startswith(b"/?"):
                return found
            continue
        if len(came) > _MAX_LINE:
            raise _no_identification(came)
        try:
            raw = await link.receive(max(0.001, deadline - time.monotonic()))
        except asyncio.TimeoutError:
            if came:
                raise _no_identification(came) from None
            error = timeout_error(timeout_s)
            error.remedy = f"the meter does not answer the sign-on at 300 baud: {_AGAIN}"
            raise error from None
        came += _stripped(raw)


def _no_identification(came: bytes) -> OpeningFailed:
    return OpeningFailed(f"Mode E Opening Failed ({len(came)} octets and no identification)", _AGAIN, _GARBLED)


def _stripped(raw: bytes) -> bytes:
    # A head that was just put into place sends a few bad octets: only those of the message itself must be right.
    begin = raw.find(b"\xaf")
    if begin > 0:
        raw = raw[begin:]
    return mode_e.without_parity(raw)


async def _confirmation(link: SerialLink, wanted: bytes, deadline: float) -> None:
    """Await the meter's own acknowledgement. One that says nothing has changed its speed already."""
    came = b""
    wait_until = min(deadline, time.monotonic() + mode_e.REACTION_S + len(wanted) * link.octet_s)
    while len(came) < len(wanted):
        try:
            came += mode_e.without_parity(await link.receive(max(0.001, wait_until - time.monotonic())))
        except asyncio.TimeoutError:  # noqa: PERF203  each wait has its own end
            break
    if came and came[0] == _STX:
        raise OpeningFailed(
            "Mode E Not Offered (the meter began a readout of text)",
            "the meter takes no HDLC at this port; try opening=hdlc, or another port",
            "the meter does not know mode E, though its identification names it",
        )
    if came and came != wanted:
        raise OpeningFailed(
            f"Mode E Opening Failed (the meter answered {came.hex()} to the acknowledgement)", _AGAIN, _GARBLED
        )
