"""TLS contexts from the configured files: TLS 1.3 only, and one sentence for each file that cannot be used."""

import os
import ssl

import pytest
from support.certificates import Authority

from ami_ingest.config.model import Tls
from ami_ingest.errors import ConfigError
from ami_ingest.transport.tls import client_context, server_context, tls_failed

pytestmark = pytest.mark.unit


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def test_nothing_older_than_1_3_is_spoken(authority):
    tls = authority.issue("meter", trust=authority.trust)
    for context in (client_context(tls), server_context(tls)):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_3
        assert context.verify_mode is ssl.CERT_REQUIRED
    assert client_context(tls).check_hostname


def test_a_server_asks_for_certificates_only_where_it_has_whom_to_trust(authority):
    assert server_context(authority.issue("meter")).verify_mode is ssl.CERT_NONE


def test_one_context_serves_all_until_a_file_changes(authority, tmp_path):
    tls = Tls(trust=authority.trust)
    first = client_context(tls)
    assert client_context(Tls(trust=authority.trust)) is first
    other = Authority(tmp_path, "Other")
    authority.trust.write_bytes(other.trust.read_bytes())
    os.utime(authority.trust, (1, 1))
    assert client_context(tls) is not first


def test_without_files_the_authorities_of_the_system_count():
    assert client_context(None).verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tls, _: Tls(tls.certificate), "cannot be used"),
        (lambda tls, other: Tls(tls.certificate, other.private_key), "does not belong to"),
        (lambda tls, _: Tls(tls.certificate.with_name("absent.crt"), tls.private_key), "cannot be read"),
        (lambda tls, _: Tls(tls.certificate, tls.private_key, tls.certificate.with_name("no.pem")), "cannot be read"),
        (lambda tls, _: Tls(tls.certificate, tls.private_key, tls.private_key), "must hold PEM certificates"),
        (lambda tls, _: Tls(None, tls.private_key), "needs `certificate`"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(authority, change, said):
    tls = change(authority.issue("meter", trust=authority.trust), authority.issue("other"))
    with pytest.raises(ConfigError, match=said):
        server_context(tls)


def test_a_private_key_that_others_may_read_is_refused(authority):
    tls = authority.issue("meter")
    tls.private_key.chmod(0o640)
    with pytest.raises(ConfigError, match=r"others may read this private key \(mode 640\); run: chmod 600 "):
        client_context(tls)


def test_a_key_with_a_passphrase_asks_nobody(authority, tmp_path):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    tls = authority.issue("meter")
    key = load_pem_private_key(tls.private_key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    locked.chmod(0o600)
    with pytest.raises(ConfigError, match="without a passphrase"):
        client_context(Tls(tls.certificate, locked))


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("TLSV1_ALERT_UNKNOWN_CA", "TLS Our Certificate Not Trusted (TLSV1_ALERT_UNKNOWN_CA)"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "TLS Client Certificate Demanded (TLSV13_ALERT_CERTIFICATE_REQUIRED)"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "TLS Version Refused (TLSV1_ALERT_PROTOCOL_VERSION)"),
        ("WRONG_VERSION_NUMBER", "TLS Not Spoken There (WRONG_VERSION_NUMBER)"),
        ("INTERNAL_ERROR", "TLS Handshake Failed (INTERNAL_ERROR)"),
    ],
)
def test_alerts_have_words(reason, said):
    error = ssl.SSLError(1, f"[SSL: {reason}] something (_ssl.c:1)")
    error.reason = reason
    failed = tls_failed(error)
    assert str(failed) == said
    assert failed.remedy
