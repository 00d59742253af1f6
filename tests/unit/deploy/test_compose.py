"""docker-compose.yml and what it refers to: every command exists, every file is there, the configuration loads."""

import runpy
import shutil
from pathlib import Path

import pytest
import typer.main
import yaml

from ami_cli.app import app
from ami_ingest.config.file import load
from ami_normalize.keys import KeyRing

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if "build" in service}


def _verb(words):
    """Follow the words of a command line down the command's tree; give the verb and what is left for it."""
    found = typer.main.get_command(app)
    words = list(words)
    while hasattr(found, "commands"):
        assert words, "the command line ends before a verb"
        assert words[0] in found.commands, f"`ami` has no verb '{words[0]}' here"
        found = found.commands[words.pop(0)]
    return found, words


@pytest.mark.parametrize("name", [name for name, service in OURS.items() if "entrypoint" not in service])
def test_every_command_is_a_verb_with_options_it_has(name):
    verb, rest = _verb(OURS[name]["command"])
    if verb.context_settings.get("ignore_unknown_options"):
        from ami_simulator.__main__ import parser

        parser().parse_args(rest)
        return
    known = {option for parameter in verb.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known


def test_the_stack_is_whole():
    assert OURS["normalizer"]["deploy"]["replicas"] == 2
    assert {"kafka", "topics", "agent", "normalizer", "watch"} <= set(COMPOSE["services"])
    assert len([name for name in OURS if name.startswith(("meter-", "pusher-"))]) == 5


def test_every_published_port_but_the_listener_is_of_this_machine_only():
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]
    assert {port for port in ports if not port.startswith("127.0.0.1:")} == {"4059:4059/tcp", "4059:4059/udp"}


def test_every_service_it_waits_for_is_there():
    for service in COMPOSE["services"].values():
        assert set(service.get("depends_on", ())) <= set(COMPOSE["services"])


def test_every_mounted_file_is_there():
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).is_file()


def test_the_configuration_loads_with_the_keys_that_are_made(tmp_path):
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    make = runpy.run_path(str(ROOT / "deploy" / "compose" / "make_keys.py"))["main"]
    make(secrets)
    made = {path.name: path.read_bytes() for path in secrets.iterdir()}
    make(secrets)
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == made, "a second start makes no new keys"
    assert {path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {0o600}

    config = load(Path(shutil.copy(ROOT / "deploy" / "compose" / "dlms_config.yaml", tmp_path)))
    for meter in config.meters:
        assert meter.address.host in COMPOSE["services"]
    ring = KeyRing.from_file(secrets / "keys.json")
    titled = [service["command"] for service in OURS.values() if "--system-title" in service["command"]]
    titles = [command[command.index("--system-title") + 1] for command in titled]
    assert len(ring) == len(titles) == 2
    assert all(ring.find(bytes.fromhex(title)) for title in titles)

    mounted = {
        word.removeprefix("/etc/ami-gateway/secrets/")
        for service in OURS.values()
        for word in service["command"]
        if word.startswith("/etc/ami-gateway/secrets/")
    }
    assert mounted <= set(made)


def test_the_image_is_made_of_files_that_are_there():
    lines = (ROOT / "deploy" / "Containerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from=" not in line]
    for source in [item for items in copied for item in items]:
        assert (ROOT / source).exists()
    (rooms,) = [line for line in lines if line.startswith("ARG ROOMS=")]
    assert set(rooms.partition('"')[2].strip('"').split()) == {
        path.parent.name for path in ROOT.glob("*/pyproject.toml")
    }
