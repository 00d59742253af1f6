"""Authentications and security suites between Gurux and us, in both directions, as far as both have them.

Of the mechanisms, Gurux' Python client signs on P-256 alone, and its Java meter's own signature verifies nowhere:
simulator/gurux/README.md names both.
"""

import json

import pytest

from ami_dlms.security.elliptic import new_private_key, public_octets

pytestmark = pytest.mark.wire

LENGTHS = {0: 16, 1: 16, 2: 32}
ENERGY = "1.0.1.8.0.255"
SCHEMES = {"wrapper": "tcp", "hdlc": "hdlc+tcp"}
CIPHERED = ("--security", "authentication-encryption")
DEDICATED = (*CIPHERED, "--dedicated")
READ_BY_GURUX = [
    ("lls", 0, "wrapper", DEDICATED),
    ("hls-md5", 0, "hdlc", ()),
    ("hls-md5", 2, "wrapper", DEDICATED),
    ("hls-sha1", 1, "wrapper", CIPHERED),
    ("hls-gmac", 1, "hdlc", DEDICATED),
    ("hls-gmac", 2, "wrapper", CIPHERED),
    ("hls-sha256", 0, "wrapper", ()),
    ("hls-sha256", 2, "hdlc", CIPHERED),
    ("hls-ecdsa", 1, "wrapper", ()),
    ("hls-ecdsa", 1, "hdlc", DEDICATED),
]
GURUX_METERS = [
    ("hls-md5", 0, "wrapper"),
    ("hls-sha1", 1, "hdlc"),
    ("hls-gmac", 1, "wrapper"),
    ("hls-gmac", 2, "hdlc"),
    ("hls-sha256", 1, "wrapper"),
    ("hls-sha256", 2, "hdlc"),
]


@pytest.fixture
def secrets_of(tmp_path, private):
    """Write what head-end and meter know in a suite; give both files."""

    def write(suite, **change):
        size = LENGTHS[suite]
        both = {"guek": bytes(range(size)).hex(), "gak": bytes(range(100, 100 + size)).hex(), "password": "a secret"}
        client = {**both, "client_system_title": "414D490000000001"}
        meter = {**both, "system_title": "4752580000000007"}
        if suite:
            ours, theirs = new_private_key(suite), new_private_key(suite)
            client |= {"signing_key": _octets(ours), "server_signing_key": public_octets(theirs).hex()}
            meter |= {"signing_key": _octets(theirs), "client_signing_key": public_octets(ours).hex()}
        return private(tmp_path / "client.json", {**client, **change}), private(tmp_path / "meter.json", meter)

    return write


def _octets(key):
    return key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8, "big").hex()


@pytest.mark.parametrize(("auth", "suite", "framing", "security"), READ_BY_GURUX)
def test_gurux_reads_our_meter(virtual_meter, gurux_head_end, secrets_of, auth, suite, framing, security):
    client, meter = secrets_of(suite)
    options = ("--auth", auth, "--suite", suite, "--framing", framing)
    with virtual_meter("--listen", "127.0.0.1:0", *options, "--keys", meter) as ready:
        said = gurux_head_end(
            ready["listening"], *options, *security, "--secrets", client, "--client", 1, "--register", ENERGY
        )
    association, register = said
    assert association["association"]["authentication"] == auth
    assert register["obis"] == ENERGY
    assert register["raw"] > 0


@pytest.mark.parametrize(("auth", "suite", "framing"), GURUX_METERS)
def test_we_read_the_gurux_meter(gurux_meter, ami, secrets_of, auth, suite, framing):
    client, meter = secrets_of(suite)
    options = ("--auth", auth, "--suite", suite, "--client", 1, "--secrets")
    with gurux_meter("--framing", framing, *options, meter) as truth:
        done = ami("read", f"{SCHEMES[framing]}://{truth['listening']}", f"3:{ENERGY}", *options, client, "--json")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    expected = {each["obis"]: each["raw"] for each in truth["registers"]}
    assert json.loads(line)["value"] == str(expected[ENERGY])


@pytest.mark.parametrize("auth", ["hls-md5", "hls-sha256"])
def test_the_gurux_meter_refuses_a_wrong_secret(gurux_meter, ami, secrets_of, auth):
    client, meter = secrets_of(0, password="wrong")
    with gurux_meter("--auth", auth, "--client", 1, "--secrets", meter) as truth:
        address = f"tcp://{truth['listening']}"
        done = ami("read", address, f"3:{ENERGY}", "--auth", auth, "--client", 1, "--secrets", client, "--json")
    assert done.returncode != 0
    assert done.stdout == ""
