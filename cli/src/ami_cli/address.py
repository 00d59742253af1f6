"""HOST:PORT as people write it."""

from __future__ import annotations

from urllib.parse import urlsplit

from ami_cli.errors import CommandError, ExitCode


def host_port(text: str) -> tuple[str, int]:
    """Read `HOST:PORT`; an IPv6 host stands in brackets, the port is 4059 where absent. Raises CommandError."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, 4059 if parts.port is None else parts.port
    except ValueError:
        host, port = None, 0
    if not host or "/" in text:
        raise CommandError(f"'{text}' is no HOST:PORT", "write for example localhost:4059", ExitCode.USAGE)
    return host, port
