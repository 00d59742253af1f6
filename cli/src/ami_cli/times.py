"""Instants as a person types them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ami_cli.errors import CommandError, ExitCode

_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 9000
"""So that every zone has them too."""


def parse_time(text: str, option: str) -> datetime:
    """Return the instant of ISO 8601 text with an offset. Raises CommandError, naming the option."""
    try:
        # Python 3.10 does not read `Z`
        found = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in {"Z", "z"} else text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CommandError(
            f"{option} '{text}' is no time with offset", "write for example 2026-01-31T00:00:00+01:00", ExitCode.USAGE
        )
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise CommandError(
            f"{option} '{text}' lies outside the years {_FIRST_YEAR} to {_LAST_YEAR}",
            "correct the year",
            ExitCode.USAGE,
        )
    return found
