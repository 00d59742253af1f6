"""`ami read` and `ami ping` with certificates on the command line, and what each one that does not fit is told."""

import contextlib
import json
import ssl
from datetime import timedelta

import pytest
from support.certificates import Authority
from support.tls_meter import served_over_tls

from ami_cli.errors import ExitCode
from ami_cli.main import run
from ami_ingest.transport.tls import server_context

pytestmark = pytest.mark.wire

ENERGY = "1.0.1.8.0.255"


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("AMI_STATE", str(tmp_path))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def serve():
    with contextlib.ExitStack() as stack:
        yield lambda context: f"tls://127.0.0.1:{stack.enter_context(served_over_tls(context))}"


@pytest.fixture
def demanding(authority, serve):
    """The address of a meter that demands a certificate of its authority."""
    return serve(server_context(authority.issue("meter", hosts=["127.0.0.1"], trust=authority.trust)))


def options(tls):
    names = {"certificate": tls.certificate, "private-key": tls.private_key, "trust": tls.trust}
    return [word for name, path in names.items() if path is not None for word in (f"--tls-{name}", str(path))]


def told(capsys, code, *arguments):
    assert run([*arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert "  try: " in captured.err
    return captured.err


def test_a_meter_that_demands_a_certificate_is_read_and_pinged(authority, demanding, capsys):
    ours = options(authority.issue("technician", trust=authority.trust))

    assert run(["read", demanding, f"3:{ENERGY}", *ours, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["obis"] == ENERGY
    assert run(["ping", demanding, *ours, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["logical_device_name"] == "AMV0000000000021"


def test_a_meter_whose_certificate_has_another_name_is_read_by_that(authority, serve, capsys):
    address = serve(server_context(authority.issue("meter", hosts=["meter-21.example"])))
    trust = ["--tls-trust", str(authority.trust)]

    sentence = told(capsys, ExitCode.METER, "read", address, f"3:{ENERGY}", *trust)
    assert "TLS Host Name Mismatch" in sentence
    assert "--tls-server-name" in sentence
    assert run(["read", address, f"3:{ENERGY}", *trust, "--tls-server-name", "meter-21.example"]) == 0


@pytest.mark.parametrize("verb", [["ping"], ["read", f"3:{ENERGY}"]])
def test_a_demanded_certificate_that_is_not_given_is_said(authority, demanding, capsys, verb):
    sentence = told(capsys, ExitCode.METER, verb[0], demanding, *verb[1:], "--tls-trust", str(authority.trust))

    assert "TLS Client Certificate Demanded" in sentence
    assert "`--tls-certificate`, `--tls-private-key`" in sentence


def test_a_certificate_of_ours_that_is_not_accepted_is_said(authority, demanding, tmp_path, capsys):
    stranger = Authority(tmp_path, "Other CA").issue("technician", trust=authority.trust)
    assert "TLS Our Certificate Not Trusted" in told(capsys, ExitCode.METER, "ping", demanding, *options(stranger))

    ended = authority.issue("late", valid=-timedelta(days=1), trust=authority.trust)
    assert "TLS Our Certificate Expired" in told(capsys, ExitCode.METER, "ping", demanding, *options(ended))


def test_a_certificate_of_the_meter_that_does_not_fit_is_said(authority, serve, tmp_path, capsys):
    trust = ["--tls-trust", str(authority.trust)]

    ended = serve(server_context(authority.issue("ended", hosts=["127.0.0.1"], valid=-timedelta(days=1))))
    assert "TLS Certificate Expired" in told(capsys, ExitCode.METER, "ping", ended, *trust)

    stranger = serve(server_context(Authority(tmp_path, "Other CA").issue("stranger", hosts=["127.0.0.1"])))
    sentence = told(capsys, ExitCode.METER, "ping", stranger, *trust)
    assert "TLS Certificate Not Trusted" in sentence
    assert "--tls-trust" in sentence


def test_a_meter_with_tls_1_2_only_is_said(authority, serve, capsys):
    tls = authority.issue("meter", hosts=["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.private_key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    sentence = told(capsys, ExitCode.METER, "ping", serve(context), "--tls-trust", str(authority.trust))
    assert "TLS Version Refused" in sentence
    assert "has no TLS 1.3" in sentence


def test_files_that_cannot_be_used_are_refused_before_anything_is_sent(authority, capsys):
    ours, other = authority.issue("technician"), authority.issue("other")
    ping = ["ping", "tls://127.0.0.1:1"]

    mixed = ["--tls-certificate", str(ours.certificate), "--tls-private-key", str(other.private_key)]
    assert "does not belong to" in told(capsys, ExitCode.CONFIG, *ping, *mixed)
    assert "absent.pem" in told(capsys, ExitCode.CONFIG, *ping, "--tls-trust", "absent.pem")
    assert "PEM" in told(capsys, ExitCode.CONFIG, *ping, "--tls-trust", str(ours.private_key))
    assert "belong together" in told(capsys, ExitCode.USAGE, *ping, "--tls-certificate", str(ours.certificate))
    ours.private_key.chmod(0o644)
    sentence = told(capsys, ExitCode.CONFIG, *ping, *options(ours))
    assert "others may read this private key (mode 644)" in sentence
    assert f"chmod 600 {ours.private_key}" in sentence


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "hdlc+tcp://127.0.0.1:1", "serial:///dev/ttyUSB0"])
def test_an_address_without_tls_takes_no_certificates(authority, capsys, address):
    sentence = told(capsys, ExitCode.USAGE, "ping", address, "--tls-trust", str(authority.trust))
    assert "is an address without TLS" in sentence


@pytest.mark.parametrize("option", [["--tls-trust", "x.pem"], ["--client", "1"], ["--auth", "lls"]])
def test_options_of_an_address_mean_nothing_to_a_meter_of_the_inventory(capsys, option):
    sentence = told(capsys, ExitCode.USAGE, "ping", "m-1", *option)
    assert sentence.startswith(f"error: {option[0]} is of a meter given by its address")
