"""Whether the cryptography that meters need is there, tried and not just looked up."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator

from ami_cli.checks.finding import Finding, Level


def openssl(
    version: str = ssl.OPENSSL_VERSION,
    number: tuple[int, ...] = ssl.OPENSSL_VERSION_INFO,
    *,
    tls13: bool = ssl.HAS_TLSv1_3,
) -> Finding:
    """Look at OpenSSL: TLS 1.3 to meters and brokers."""
    if not tls13 or number < (1, 1, 1):
        remedy = "use a Python built with OpenSSL 1.1.1 or later (3.0 is better)"
        return Finding(Level.FAIL, "OpenSSL", f"{version}, without TLS 1.3", remedy)
    if number < (3,):
        return Finding(Level.WARN, "OpenSSL", f"{version}, TLS 1.3", "1.1.1 gets no corrections any more; use 3.0")
    return Finding(Level.OK, "OpenSSL", f"{version}, TLS 1.3")


def ciphers() -> Iterator[Finding]:
    """Encrypt and sign as the security suites 0, 1 and 2 do."""
    try:
        from cryptography.exceptions import InternalError, UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ModuleNotFoundError:
        yield Finding(Level.WARN, "ciphers", "cryptography is not installed", "pip install 'ami-cli[dlms]'")
        return

    def sign(curve: ec.EllipticCurve, digest: hashes.HashAlgorithm) -> bytes:
        return ec.generate_private_key(curve).sign(b"", ec.ECDSA(digest))

    def works(attempt: Callable[[], bytes]) -> bool:
        try:
            attempt()
        except (UnsupportedAlgorithm, InternalError, ValueError):
            return False
        return True

    attempts: dict[str, Callable[[], bytes]] = {
        "AES-128-GCM": lambda: AESGCM(bytes(16)).encrypt(bytes(12), b"", b""),
        "AES-256-GCM": lambda: AESGCM(bytes(32)).encrypt(bytes(12), b"", b""),
        "P-256": lambda: sign(ec.SECP256R1(), hashes.SHA256()),
        "P-384": lambda: sign(ec.SECP384R1(), hashes.SHA384()),
    }
    missing = [name for name, attempt in attempts.items() if not works(attempt)]
    if missing:
        remedy = "this OpenSSL leaves out what meters need (a FIPS or vendor build?); use another one"
        yield Finding(Level.FAIL, "ciphers", f"{', '.join(missing)} do not work", remedy)
    else:
        yield Finding(Level.OK, "ciphers", f"{', '.join(attempts)} work")
