"""The mutual proof of high level security, as the settings of either side choose it."""

from __future__ import annotations

from typing import Protocol

from ami_dlms.association.settings import Authentication, VendorProof
from ami_dlms.errors import AuthenticationFailed, UsageError
from ami_dlms.security import CounterProvider, Keys
from ami_dlms.security.hls import (
    Exchange,
    check_response,
    ecdsa_response,
    ecdsa_verify,
    gmac_response,
    gmac_verify,
    md5_response,
    sha1_response,
    sha256_response,
)

SHORTEST_CHALLENGE, LONGEST_CHALLENGE = 8, 64


class Credentials(Protocol):
    """What of the settings of a client or a server a proof is made with."""

    @property
    def authentication(self) -> Authentication: ...  # noqa: D102  # as in the settings

    @property
    def password(self) -> bytes | None: ...  # noqa: D102

    @property
    def keys(self) -> Keys | None: ...  # noqa: D102

    @property
    def suite(self) -> int: ...  # noqa: D102

    @property
    def vendor_proof(self) -> VendorProof | None: ...  # noqa: D102


def challenge_length(authentication: Authentication) -> int:
    """Return the octets of a challenge; ECDSA wants at least 32."""
    return 32 if authentication is Authentication.HLS_ECDSA else 16


def prove(exchange: Exchange, of: Credentials, counter: CounterProvider | None) -> bytes:
    """Return our answer to the challenge received."""
    if of.authentication is Authentication.HLS_GMAC:
        if of.keys is None or counter is None:
            raise UsageError("hls-gmac needs keys and a counter.")
        return gmac_response(
            exchange.received,
            keys=of.keys,
            system_title=exchange.own_title,
            invocation_counter=counter.next(),
            suite=of.suite,
        )
    if of.authentication is Authentication.HLS_ECDSA:
        return ecdsa_response(exchange, keys=_keys(of), suite=of.suite)
    return _recomputed(exchange, of)


def check(proof: bytes, exchange: Exchange, of: Credentials) -> int | None:
    """Verify the peer's answer, `exchange` as the peer sees it; return its invocation counter, where it has one.

    Raises AuthenticationFailed.
    """
    if of.authentication is Authentication.HLS_GMAC:
        return gmac_verify(proof, exchange.received, keys=_keys(of), system_title=exchange.own_title)
    if of.authentication is Authentication.HLS_ECDSA:
        ecdsa_verify(proof, exchange, keys=_keys(of), suite=of.suite)
    else:
        check_response(proof, _recomputed(exchange, of))
    return None


def check_challenges(exchange: Exchange, of: Credentials) -> None:
    """Refuse a peer that mirrors us: it would get its answer from ourselves. Raises AuthenticationFailed."""
    if exchange.received == exchange.sent:
        raise AuthenticationFailed("The peer sent our challenge back.")
    if of.authentication.uses_titles and (not exchange.peer_title or exchange.peer_title == exchange.own_title):
        raise AuthenticationFailed("The peer states no system title of its own.")


def _recomputed(exchange: Exchange, of: Credentials) -> bytes:
    """Return the answer by a mechanism in which both sides hold the same secret."""
    secret = of.password or b""
    if of.authentication is Authentication.HLS_MD5:
        return md5_response(exchange.received, secret)
    if of.authentication is Authentication.HLS_SHA1:
        return sha1_response(exchange.received, secret)
    if of.authentication is Authentication.HLS_SHA256:
        return sha256_response(exchange, secret)
    if of.authentication is Authentication.HLS and of.vendor_proof is not None:
        return of.vendor_proof(exchange)
    raise UsageError(f"Authentication {of.authentication.value} has no proof.")


def _keys(of: Credentials) -> Keys:
    if of.keys is None:
        raise UsageError(f"Authentication {of.authentication.value} needs keys.")
    return of.keys
