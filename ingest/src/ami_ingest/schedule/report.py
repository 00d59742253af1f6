"""Counts every try of a meter, and says what failed: with the meter, the cause, what to try, and a code that stays."""

from __future__ import annotations

import structlog

from ami_dlms.errors import DlmsError
from ami_ingest.errors import IngestError, SessionError
from ami_ingest.schedule.roster import MeterState
from ami_ingest.schedule.stats import PollStats


class Report:
    """Turns the ends of tries into counts and lines of the log."""

    def __init__(self, stats: PollStats, log: structlog.typing.FilteringBoundLogger) -> None:
        self._stats = stats
        self._log = log

    def count(self, state: MeterState, error: Exception | None, **fields: object) -> None:
        """Count a try, and say what failed."""
        meter = state.meter
        line = None if state.reader is None else state.reader.line
        if line is not None and line.damaged > self._stats.crc_errors[line.name]:
            self._stats.crc_errors[line.name] = line.damaged
            if error is None:
                self._log.warning(
                    f"CRC Error ({line})",
                    meter=meter.id,
                    code="CRC_ERROR",
                    cause="frames came with wrong check sequences, and came right when they were repeated",
                    remedy="check cabling, termination and baud rate of the line",
                )
        if error is None:
            self._stats.results[meter.group, "OK"] += 1
            return
        if isinstance(error, SessionError):
            code, cause, remedy = error.code, error.cause, error.remedy
        elif isinstance(error, IngestError):
            code, cause, remedy = type(error).__name__.upper(), "", ""
        elif isinstance(error, DlmsError):
            code, cause, remedy = "EXCHANGE_FAILED", str(error), "look at the meter's answer and its configuration"
            error = IngestError("Exchange Failed")
        else:
            # A defect shown by one meter must not end the polling of the others; it is reported in full.
            self._stats.results[meter.group, "DEFECT"] += 1
            self._log.error(
                "poll failed by a defect of ours", meter=meter.id, address=str(meter.address), exc_info=error
            )
            return
        self._stats.results[meter.group, code] += 1
        self._log.warning(
            str(error), meter=meter.id, address=str(meter.address), code=code, cause=cause, remedy=remedy, **fields
        )
