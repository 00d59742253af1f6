"""The compiled hot path must be that of the sources: what it makes would else be explained by other code."""

from __future__ import annotations

from ami_cli.errors import CommandError, ExitCode


def refuse_stale() -> None:
    """Raise CommandError where sources changed since the hot path was compiled of them."""
    from ami_normalize import compiled

    changed = ", ".join(compiled.stale())
    if changed:
        raise CommandError(f"the hot path was compiled before {changed} changed", compiled.REMEDY, ExitCode.INCOMPLETE)
