"""How watch runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ami_normalize.errors import SettingsInvalid
from ami_normalize.watch.rules.policy import Policy

DEFAULT_GROUP: Final = "ami-watch"
DEFAULT_WEB: Final = "127.0.0.1:6066"


class Address(NamedTuple):
    """Where the web view listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `HOST:PORT` or `[IPv6]:PORT`; raise SettingsInvalid."""
        host, _, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise SettingsInvalid(f"'{text}' is no address to listen on; write HOST:PORT like {DEFAULT_WEB}")
        return cls(host, int(port))


@dataclass(frozen=True, slots=True)
class Settings:
    """How watch runs."""

    bootstrap: str
    group: str = DEFAULT_GROUP
    policy: Policy = field(default_factory=Policy)
    web: Address = field(default_factory=lambda: Address.parse(DEFAULT_WEB))
    instance_id: str | None = None
    """Static membership: a name that stays with this process over restarts."""
    batch: int = 500
    """Records taken at once."""
