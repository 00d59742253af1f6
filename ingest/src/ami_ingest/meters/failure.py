"""Why an exchange with a meter ended without an answer, in words that stay the same.

What came on the line tells the cases apart: nothing at all, octets that make no frame, the beginning of one, or frames
with wrong check sequences. Many meters refuse an association by silence or by hanging up; that is said where it may be
so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ami_dlms.apdu.acse import Diagnostic
from ami_dlms.errors import AssociationRefused, AuthenticationFailed, DlmsError, LinkError, TagMismatch
from ami_dlms.framing.counts import LineCounts
from ami_ingest.errors import (
    AssociationRejected,
    ConnectionClosed,
    ConnectionFailed,
    CrcError,
    DeadlinePassed,
    ExchangeFailed,
    NoAnswer,
    PartialFrame,
    SessionError,
)
from ami_ingest.meters.line import Line

_REJECTIONS: Final[Mapping[type[DlmsError], str]] = {
    AssociationRefused: "the meter refuses this client",
    LinkError: "the meter refuses this client's HDLC link",
    AuthenticationFailed: "meter and client do not prove the same secret: one has other keys or another system title",
    TagMismatch: "the meter's answer is ciphered with another key, or comes from another system title",
}
_REFUSES_SILENTLY = "check client and server address, the authentication and its secrets"
_SAYS_NOTHING = f"check the framing (wrapper or HDLC) and the port, {_REFUSES_SILENTLY.removeprefix('check ')}"


def unanswered(before: LineCounts, now: LineCounts, line: Line, timeout_s: float, *, associating: bool) -> SessionError:
    """Return the error of an exchange that nothing whole answered within `timeout_s`; `line` includes its frames."""
    return _incomplete(before, now, line) or NoAnswer(
        f"Timer T1 Timeout (no answer within {timeout_s:g} s)",
        f"{_SAYS_NOTHING}, then the link" if associating else "check the link; give the meter more time",
        "the meter did not answer the association request: it may refuse by silence"
        if associating
        else "the meter is associated, and did not answer a request",
    )


def overdue(deadline_s: float) -> NoAnswer:
    """Return the error of a reading that was not done within its time, whatever it was doing."""
    return NoAnswer(
        f"Timer T1 Timeout (no answer within {deadline_s:g} s)",
        f"{_SAYS_NOTHING}, then the link; read less at once, or allow more time",
        "the meter did not give everything in time",
    )


def deadline_passed(seconds: float) -> DeadlinePassed:
    """Return the error of a job that was given `seconds` and was ended while it went on."""
    return DeadlinePassed(
        f"Deadline Passed (not done within {seconds:.3g} s)",
        "look at how fast its link is; ask for less in a turn, give the schedule more time, or allow more at once",
        "the meter was still being read when the time was up: it answers slowly, or its turn could begin only late",
    )


def broken(
    before: LineCounts,
    now: LineCounts,
    line: Line,
    error: ConnectionClosed | ConnectionFailed,
    *,
    associating: bool,
) -> SessionError:
    """Return the error of a connection that ended while an answer was awaited."""
    incomplete = _incomplete(before, now, line)
    if incomplete is not None:
        return incomplete
    if not isinstance(error, ConnectionClosed):
        return error
    if associating:
        error.remedy = f"{_REFUSES_SILENTLY}, and whether another client is connected"
        error.cause = "the meter hung up on the association request: it may refuse in this way"
    else:
        error.remedy = "check whether another client is connected, and how long the meter keeps an association"
        error.cause = "the meter hung up in the middle of a session"
    return error


def _incomplete(before: LineCounts, now: LineCounts, line: Line) -> SessionError | None:
    """Return what came instead of an answer, None where nothing did or everything was whole."""
    if now.damaged > before.damaged:
        return CrcError(
            f"CRC Error ({line})",
            "check cabling, termination and baud rate of the line, and that only one master talks on it",
            "frames came with wrong check sequences until there was no time left",
        )
    if now.need:
        return PartialFrame(
            f"Partial Frame Received ({now.have} of {now.need} octets)",
            "check the link: the rest of the frame was lost; where it is always cut, lower the PDU or frame size",
            "a frame began and never became whole",
        )
    if now.noise > before.noise:
        return PartialFrame(
            f"Partial Frame Received (no frame in {now.noise - before.noise} octets)",
            "check that the framing is the meter's (wrapper or HDLC), the baud rate, and who else answers there",
            "octets came, and none of them begins a frame",
        )
    return None


def rejected(error: DlmsError) -> SessionError:
    """Return the error of an association that did not come about though the meter answered."""
    if not isinstance(error, tuple(_REJECTIONS)):
        return ExchangeFailed(
            f"Exchange Failed ({error})",
            "look at the meter's answer and its configuration",
            "the answer to the association request makes no sense",
        )
    diagnostic = error.diagnostic if isinstance(error, AssociationRefused) else None
    return AssociationRejected(
        f"DLMS Association Rejected ({_word(diagnostic) or error})",
        "check the password or keys, the client address and the authentication level configured for this meter",
        next(cause for kind, cause in _REJECTIONS.items() if isinstance(error, kind)),
    )


def failed(error: DlmsError) -> ExchangeFailed:
    """Return the error of an exchange that ended otherwise."""
    return ExchangeFailed(f"Exchange Failed ({error})", "look at the meter's answer and its configuration")


def _word(diagnostic: int | None) -> str:
    """Write a diagnostic as the standard does: lower case with hyphens, or its number."""
    if diagnostic is None:
        return ""
    try:
        return Diagnostic(diagnostic).name.lower().replace("_", "-")
    except ValueError:
        return f"diagnostic {diagnostic}"
