"""TLS 1.3, as client and as server, from the files that the configuration names."""

from __future__ import annotations

import ssl
from asyncio import sslproto
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

from ami_ingest.config.credentials import refuse_readable
from ami_ingest.config.model import AgentConfig, Tls
from ami_ingest.errors import ConfigError, TlsFailed

# asyncio gives each connection a buffer for what is decrypted, of 256 KiB by default, where a record has 16 at most.
# With this one a connection costs 80 KB instead of 300.
sslproto.SSLProtocol.max_size = 32 << 10  # type: ignore[attr-defined]

_EXPIRED: Final = 10
_NOT_YET: Final = 9
_UNKNOWN: Final = (2, 18, 19, 20, 21)
"""X509_V_ERR_*: no issuer found, self-signed, unverified leaf."""
_NAME: Final = (62, 64)
_VERIFIED: Final = {
    _EXPIRED: ("Certificate Expired", "renew the certificate of the other side, and check both clocks"),
    _NOT_YET: ("Certificate Not Yet Valid", "check the clock of this machine, or when the certificate begins"),
    **dict.fromkeys(
        _UNKNOWN, ("Certificate Not Trusted", "name a file with its issuer's certificate as `trust` (`--tls-trust`)")
    ),
    **dict.fromkeys(
        _NAME,
        (
            "Host Name Mismatch",
            "address it by a name in its certificate, or give that as `server_name` (`--tls-server-name`)",
        ),
    ),
}
_ALERTS: Final = {
    "CERTIFICATE_REQUIRED": (
        "Client Certificate Demanded",
        "give this link `certificate` and `private_key` (`--tls-certificate`, `--tls-private-key`)",
    ),
    "UNKNOWN_CA": ("Our Certificate Not Trusted", "let the other side trust the issuer of our certificate"),
    "BAD_CERTIFICATE": ("Our Certificate Refused", "give a certificate that the other side accepts"),
    "CERTIFICATE_EXPIRED": ("Our Certificate Expired", "renew the certificate of this link"),
    "PROTOCOL_VERSION": ("Version Refused", "the other side has no TLS 1.3: update it, nothing older is spoken"),
    "UNSUPPORTED_PROTOCOL": ("Version Refused", "the other side has no TLS 1.3: update it, nothing older is spoken"),
    "WRONG_VERSION_NUMBER": ("Not Spoken There", "that port speaks no TLS: check it, or use tcp://"),
}


def client_context(tls: Tls | None) -> ssl.SSLContext:
    """Return the context of connections we make: who answers must have a certificate that we trust.

    Without a `trust` file the system's authorities count. The same files give the same context, until they change: a
    context is large. Raises ConfigError where a file cannot be used.
    """
    tls = tls or Tls()
    return _client_context(tls, _changed(tls))


@lru_cache(maxsize=64)
def _client_context(tls: Tls, _now: tuple[object, ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _load(context, tls)
    if tls.trust is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


def server_context(tls: Tls) -> ssl.SSLContext:
    """Return the context of a socket that meters connect to.

    With a `trust` file who connects must have a certificate of it too. Raises ConfigError where a file cannot be used.
    """
    if tls.certificate is None:
        raise ConfigError("a listening socket with tls needs `certificate` and `private_key`; name both files")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(context, tls)
    if tls.trust is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def refuse_unusable(config: AgentConfig) -> None:
    """Load every identity that a configuration names, as if it were used. Raises ConfigError with each mistake."""
    contexts: dict[tuple[Tls, Callable[[Tls], ssl.SSLContext]], None] = {
        **{(listen.tls, server_context): None for listen in config.listen if listen.tls is not None},
        **{(meter.tls, client_context): None for meter in config.meters if meter.tls is not None},
    }
    mistakes: dict[str, None] = {}
    for tls, context in contexts:
        try:
            context(tls)
        except ConfigError as error:  # noqa: PERF203  each identity has its own error
            mistakes |= dict.fromkeys(error.mistakes)
    if mistakes:
        raise ConfigError(*mistakes)


def _load(context: ssl.SSLContext, tls: Tls) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if tls.private_key is not None and tls.certificate is None:
        raise ConfigError("tls has a `private_key` without its `certificate`; name both files")
    _refuse_unreadable(tls)
    if tls.certificate is not None:
        path = tls.private_key or tls.certificate
        try:
            # An encrypted key must not make OpenSSL ask on the terminal.
            context.load_cert_chain(tls.certificate, tls.private_key, password=lambda: "")
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise ConfigError(
                    f"{path}: this private key does not belong to {tls.certificate}; name the key it was issued for"
                ) from None
            raise ConfigError(
                f"{path}: the certificate or its private key cannot be used ({_reason(error)}); "
                f"both must be PEM, the key without a passphrase"
            ) from None
    if tls.trust is not None:
        try:
            context.load_verify_locations(tls.trust)
        except ssl.SSLError as error:
            raise ConfigError(
                f"{tls.trust}: the trust file cannot be used ({_reason(error)}); it must hold PEM certificates"
            ) from None


def _refuse_unreadable(tls: Tls) -> None:
    """OpenSSL does not say which file it could not open, and takes a key that everybody may read."""
    for path in (tls.certificate, tls.private_key, tls.trust):
        if path is None:
            continue
        try:
            with path.open("rb"):
                pass
            if path is tls.private_key:
                refuse_readable(path, "private key")
        except OSError as error:
            raise ConfigError(
                f"{path}: the file cannot be read ({error.strerror}); correct the path or its mode"
            ) from None


def _changed(tls: Tls) -> tuple[object, ...]:
    """Return what tells apart what the files hold now from what they held; `SSL_CERT_FILE` may name the system's."""
    trust = tls.trust or ssl.get_default_verify_paths().cafile
    paths = [Path(path) for path in (tls.certificate, tls.private_key, trust) if path is not None]
    return tuple((path, _changed_at(path)) for path in paths)


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0  # reading it then says what is wrong


def tls_failed(error: Exception) -> TlsFailed:
    """Put what OpenSSL says about a connection into our words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        words, remedy = _VERIFIED.get(
            error.verify_code, ("Certificate Refused", "look at the certificate of the other side")
        )
        return TlsFailed(
            f"TLS {words} ({error.verify_message.rstrip('.')})", remedy, "the other side's certificate fails our check"
        )
    reason = _reason(error)
    for name, (words, remedy) in _ALERTS.items():
        if reason.upper().endswith(name):
            return TlsFailed(f"TLS {words} ({reason})", remedy, "the two sides do not agree on TLS")
    return TlsFailed(
        f"TLS Handshake Failed ({reason})",
        "check that the other side speaks TLS 1.3 on this port",
        "the two sides do not agree on TLS",
    )


def unanswered_handshake(timeout_s: float) -> TlsFailed:
    """Return the error of a connection that came about, and over which no TLS did in time."""
    return TlsFailed(
        f"TLS Handshake Failed (no answer within {timeout_s:g} s)",
        "check that the other side speaks TLS 1.3 on this port, or use tcp://",
        "the connection came about, and the other side does not say a word of TLS",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return str(error.reason)
    return str(error) or "the other side hung up"
