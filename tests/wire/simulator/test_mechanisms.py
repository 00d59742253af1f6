"""`ami read` against the simulator's command, in every authentication and suite, with secrets from files."""

import json
import select
import subprocess
import sys

import pytest

from ami_cli.main import run
from ami_dlms.security.elliptic import new_private_key, public_octets

pytestmark = pytest.mark.wire

ENERGY = "3:1.0.1.8.0.255"
LENGTHS = {0: 16, 1: 16, 2: 32}
COMBINATIONS = [
    ("hls-md5", 0, "wrapper"),
    ("hls-sha1", 0, "hdlc"),
    ("hls-gmac", 1, "hdlc"),
    ("hls-gmac", 2, "wrapper"),
    ("hls-sha256", 1, "wrapper"),
    ("hls-ecdsa", 1, "hdlc"),
    ("hls-ecdsa", 2, "wrapper"),
]


def private(key):
    size = (key.key_size + 7) // 8
    return key.private_numbers().private_value.to_bytes(size, "big").hex()


def files(folder, suite):
    """Write what the client and the meter know; return both paths."""
    size = LENGTHS[suite]
    keys = {"guek": bytes(range(size)).hex(), "gak": bytes(range(100, 100 + size)).hex(), "password": "a shared secret"}
    client, meter = dict(keys, client_system_title="414d490000000001"), dict(keys, system_title="414d560000000007")
    if suite:
        ours, theirs = new_private_key(suite), new_private_key(suite)
        client |= {"signing_key": private(ours), "server_signing_key": public_octets(theirs).hex()}
        meter |= {"signing_key": private(theirs), "client_signing_key": public_octets(ours).hex()}
    paths = folder / "client.json", folder / "meter.json"
    for path, content in zip(paths, (client, meter), strict=True):
        path.write_text(json.dumps(content))
        path.chmod(0o600)
    return paths


@pytest.fixture
def meter():
    """Start the simulator's command; give its address."""
    started = []

    def start(*options):
        command = [sys.executable, "-m", "ami_simulator", "--listen", "127.0.0.1:0", *map(str, options)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        started.append(process)
        assert select.select([process.stdout], [], [], 60)[0]
        return json.loads(process.stdout.readline())["listening"]

    yield start
    for process in started:
        process.terminate()
        process.wait(30)
        process.stdout.close()


@pytest.mark.parametrize(("auth", "suite", "framing"), COMBINATIONS)
def test_read(meter, tmp_path, monkeypatch, capsys, auth, suite, framing):
    monkeypatch.setenv("AMI_STATE", str(tmp_path / "state"))
    client, keys = files(tmp_path, suite)
    address = meter("--auth", auth, "--suite", suite, "--framing", framing, "--keys", keys)
    scheme = {"wrapper": "tcp", "hdlc": "hdlc+tcp"}[framing]
    reach = ["read", f"{scheme}://{address}", ENERGY, "--client", "1", "--auth", auth, "--suite", str(suite)]
    assert run([*reach, "--secrets", str(client), "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["unit"] == "Wh"

    stranger = json.loads(client.read_text())
    stranger |= {"password": "wrong", "gak": "ff" * LENGTHS[suite]}
    client.write_text(json.dumps(stranger))
    assert run([*reach, "--secrets", str(client), "--json"]) != 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
