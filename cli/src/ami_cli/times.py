"""Instants as a person types them."""

from __future__ import annotations

from datetime import datetime

from ami_cli.errors import CommandError, ExitCode


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
    return found
