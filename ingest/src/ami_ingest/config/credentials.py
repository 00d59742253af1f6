"""The secrets of an association, from a JSON file that nobody else may read."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ami_dlms.client import Authentication
from ami_dlms.security import Protection
from ami_ingest.errors import ConfigError

_MEMBERS: Final = ("password", "guek", "gak", "client_system_title", "signing_key", "server_signing_key")
_KEY_LENGTHS: Final = (16, 32)
_PRIVATE_LENGTHS: Final = (32, 48)
"""Octets of a private key on P-256 (security suite 1) and P-384 (suite 2); a public one has twice as many."""
_NEEDED: Final[dict[Authentication, tuple[str, ...]]] = {
    Authentication.NONE: (),
    Authentication.HLS_GMAC: ("guek", "gak", "client_system_title"),
    Authentication.HLS_ECDSA: ("guek", "gak", "client_system_title", "signing_key", "server_signing_key"),
    Authentication.HLS_SHA256: ("password", "client_system_title"),
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What we need to prove who we are. No secret is ever shown by `repr`."""

    password: bytes | None = field(default=None, repr=False)
    guek: bytes | None = field(default=None, repr=False)
    gak: bytes | None = field(default=None, repr=False)
    client_system_title: bytes | None = None
    signing_key: bytes | None = field(default=None, repr=False)
    """Our private key of hls-ecdsa."""
    server_signing_key: bytes | None = field(default=None, repr=False)
    """The meter's public key of hls-ecdsa, x and y."""

    def unfit(self, authentication: Authentication, suite: int) -> str | None:
        """Say which key has not the length that a security suite demands; None where all fit."""
        wanted = 32 if suite == 2 else 16
        for name, key in (("guek", self.guek), ("gak", self.gak)):
            if key is not None and len(key) != wanted:
                return f"security suite {suite} needs a {name} of {wanted} octets, and this one has {len(key)}"
        if authentication is Authentication.HLS_ECDSA:
            if suite == 0:
                return "mechanism ecdsa needs security suite 1 or 2"
            curve = _PRIVATE_LENGTHS[suite - 1]
            for name, key, size in (
                ("signing_key", self.signing_key, curve),
                ("server_signing_key", self.server_signing_key, 2 * curve),
            ):
                if key is not None and len(key) != size:
                    return f"security suite {suite} needs a {name} of {size} octets, and this one has {len(key)}"
        return None


def read_credentials(path: Path) -> Credentials:
    """Read `{"password", "guek", "gak", "client_system_title", "signing_key", "server_signing_key"}`.

    All are optional, and all but the password in hexadecimal digits.

    Raises ConfigError where the file cannot be read, others may read it (mode 600 or stricter is demanded), or a
    member is wrong. No message holds a value of the file.
    """
    try:
        refuse_readable(path, "secrets file")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"{path}: the secrets file cannot be read ({reason}); create it with mode 600") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: the secrets file is not UTF-8 text; write it as JSON") from None
    try:
        members = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path}: line {error.lineno} is not JSON; write an object with any of {', '.join(_MEMBERS)}",
        ) from None
    except RecursionError:
        raise ConfigError(f"{path}: it is nested too deep; write an object with any of {', '.join(_MEMBERS)}") from None
    if not isinstance(members, dict):
        raise ConfigError(f"{path}: the secrets file must be a JSON object; give it any of {', '.join(_MEMBERS)}")
    unknown = sorted(set(members) - set(_MEMBERS))
    if unknown:
        raise ConfigError(f"{path}: unknown key '{unknown[0]}'; known are {', '.join(_MEMBERS)}")
    password = members.get("password")
    if password is not None and not isinstance(password, str):
        raise ConfigError(f"{path}: password must be text; put it in quotes")
    try:
        octets = None if password is None else password.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{path}: password holds half a character (a lone surrogate); correct it") from None
    return Credentials(
        password=octets,
        guek=_hex(path, members, "guek", _KEY_LENGTHS),
        gak=_hex(path, members, "gak", _KEY_LENGTHS),
        client_system_title=_hex(path, members, "client_system_title", (8,)),
        signing_key=_hex(path, members, "signing_key", _PRIVATE_LENGTHS),
        server_signing_key=_hex(path, members, "server_signing_key", tuple(2 * size for size in _PRIVATE_LENGTHS)),
    )


def refuse_readable(path: Path, what: str) -> None:
    """Refuse a secret file that others may read. Raises ConfigError, and OSError where it is not there."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(f"{path}: others may read this {what} (mode {mode:03o}); run: chmod 600 {path}")


def missing_credentials(
    authentication: Authentication, protection: Protection | None, credentials: Credentials
) -> str | None:
    """Name the first secret that an authentication and a protection of requests need and that is not there."""
    needed = _NEEDED.get(authentication, ("password",))
    if protection not in (None, Protection.NONE):
        needed = (*needed, "guek", "gak", "client_system_title")
    for name in needed:
        if getattr(credentials, name) is None:
            return name
    return None


def _hex(path: Path, members: dict[str, object], name: str, lengths: tuple[int, ...]) -> bytes | None:
    value = members.get(name)
    if value is None:
        return None
    wanted = " or ".join(str(2 * length) for length in lengths)
    try:
        octets = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        octets = b""
    if len(octets) not in lengths:
        raise ConfigError(f"{path}: {name} must be {wanted} hexadecimal digits; correct it or leave it out")
    return octets
