"""The six meters of the demo, the files its processes are given, and their command lines.

The keys are made anew at each run; they open nothing but the demo's own virtual meters.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from ami_cli.demo.children import Children
from ami_cli.errors import CommandError, ExitCode

EVERY_S: Final = 2
"""Seconds between two polls, or two pushes, of a meter."""

_AGENT_TITLE: Final = "414d4900000000d1"
"""The agent's own system title: FLAG id AMI and a number."""

_OBJECTS: Final = (
    "3:1.0.1.7.0.255",
    "3:1.0.1.8.0.255",
    "3:1.0.32.7.0.255",
    "3:1.0.31.7.0.255",
    "3:1.0.2.8.0.255",
)
_PROFILE: Final = "1.0.99.1.0.255"
_PASSWORD: Final = "demo-password"  # noqa: S105 - of a virtual meter


@dataclass(frozen=True, slots=True)
class DemoMeter:
    """A meter: the ids its readings may have on Kafka, a name to show, how it is connected, and its serial number."""

    name: str
    how: str
    serial: int
    ids: tuple[str, ...]
    protection: str
    """What its readings must be verified to have been protected with."""


@dataclass(frozen=True, slots=True)
class PolledMeter(DemoMeter):
    """A meter the agent reads."""

    framing: str = "wrapper"
    authentication: str = "none"


@dataclass(frozen=True, slots=True)
class PushingMeter(DemoMeter):
    """A meter that sends by itself."""

    gurux: bool = False


def _title(serial: int) -> str:
    """Return the system title of a virtual meter: FLAG id AMV and the serial number."""
    return (b"AMV" + serial.to_bytes(5, "big")).hex()


def ids(serial: int) -> tuple[str, ...]:
    """Return what a virtual meter may be known by: system title, logical device name, serial number."""
    return (f"st-{_title(serial)}", f"ldn-AMV{serial:013d}", f"sn-{serial:08d}")


POLLED: Final = (
    PolledMeter("meter-1", "polled, wrapper, no security", 1, ids(1), "none"),
    PolledMeter("meter-2", "polled, HDLC, password (LLS)", 2, ids(2), "none", "hdlc", "lls"),
    PolledMeter(
        "meter-3", "polled, wrapper, HLS-GMAC, ciphered", 3, ids(3), "authenticated+encrypted", "wrapper", "hls-gmac"
    ),
)
PUSHING: Final = (
    PushingMeter("meter-4", "pushes over UDP, plain", 4, ids(4), "none"),
    PushingMeter("meter-5", "pushes over TCP, ciphered", 5, ids(5), "authenticated+encrypted"),
    PushingMeter("gurux-6", "pushes over TCP, plain (Gurux)", 6, ("sn-GRX00000006",), "none", gurux=True),
)
METERS: Final[tuple[DemoMeter, ...]] = POLLED + PUSHING


def named(meter_id: str) -> DemoMeter | None:
    """Return the meter that an id on Kafka is of."""
    return next((meter for meter in METERS if meter_id in meter.ids), None)


class Scene:
    """The demo's folder and what is written into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agent_config = folder / "agent.yaml"
        self.keys = folder / "keys.json"
        self._gurux = _checkout()
        self._addresses: dict[str, str] = {}
        """HOST:PORT of the meters that are read, by name."""

    def check(self) -> None:
        """Raise where the Gurux pusher cannot run."""
        if self._gurux is None:
            raise CommandError(
                "The demo's Gurux meter (simulator/gurux/push.py) belongs to the source tree, which is not here",
                "run `make demo` in a checkout",
                ExitCode.MISSING,
            )
        if not self._gurux_python.is_file():
            raise CommandError(
                f"The demo's Gurux meter lacks its own Python environment ({self._gurux_python})",
                "run `make demo`, which installs it",
                ExitCode.MISSING,
            )

    @property
    def title(self) -> str:
        """What is shown, in a few words."""
        return "six meters, an agent, a normalizer and a real Kafka"

    def start_meters(self, children: Children, port: int) -> str:  # noqa: ARG002  a fleet's meters are told it
        """Start the meters that are read; return what they are."""
        self._write_keys()
        polled = {meter.name: children.start(meter.name, self._polled_command(meter)) for meter in POLLED}
        self._addresses = {name: str(children.ready(child)["listening"]) for name, child in polled.items()}
        return f"{len(POLLED)} to be read"

    def start_pushes(self, children: Children, port: int) -> str:
        """Start the meters that push; return what they are."""
        for meter in PUSHING:
            children.start(meter.name, self._pushing_command(meter, port))
        children.check()
        return f"of {len(PUSHING)} meters"

    def _write_keys(self) -> None:
        """Write new keys: the normalizer's, each meter's, and the agent's secrets."""
        keys = {serial: {"guek": secrets.token_hex(16), "gak": secrets.token_hex(16)} for serial in (3, 5)}
        write_secret(self.keys, {_title(serial): pair for serial, pair in keys.items()})
        for serial, pair in keys.items():
            write_secret(self.folder / f"meter-{serial}.keys.json", {**pair, "system_title": _title(serial)})
        write_secret(self.folder / "secrets-2.json", {"password": _PASSWORD})
        write_secret(self.folder / "secrets-3.json", {**keys[3], "client_system_title": _AGENT_TITLE})

    def write_agent(self, bootstrap: str, port: int) -> None:
        """Write the agent's configuration, with the meters that were started."""
        config = {
            **agent_frame("demo", bootstrap, port),
            "schedules": {
                "demo": {
                    "every": f"{EVERY_S}s",
                    "read": list(_OBJECTS),
                    "profiles": [{"obis": _PROFILE, "last": "24h"}],
                }
            },
            "defaults": {"schedules": ["demo"]},
            "meters": [self._inventory(meter, self._addresses[meter.name]) for meter in POLLED],
        }
        self.agent_config.write_text(yaml.safe_dump(config, sort_keys=False))

    def _inventory(self, meter: PolledMeter, address: str) -> dict[str, Any]:
        scheme = "hdlc+tcp" if meter.framing == "hdlc" else "tcp"
        entry: dict[str, Any] = {
            "id": meter.name,
            "address": f"{scheme}://{address}",
            "client_address": 16 if meter.authentication == "none" else 1,
            "authentication_level": meter.authentication.partition("-")[0],
        }
        if meter.authentication != "none":
            entry["secrets"] = f"secrets-{meter.serial}.json"
        if meter.authentication == "hls-gmac":
            entry["system_title"] = _title(meter.serial)
        return entry

    def _polled_command(self, meter: PolledMeter) -> list[str]:
        """Return the command line of a meter to be read."""
        options = ["--listen", "127.0.0.1:0", "--framing", meter.framing, "--auth", meter.authentication]
        if meter.authentication == "lls":
            options += ["--password", _PASSWORD]
        if meter.authentication == "hls-gmac":
            options += ["--keys", str(self.folder / f"meter-{meter.serial}.keys.json")]
        return python("ami_simulator", *options, "--serial", meter.serial)

    def _pushing_command(self, meter: PushingMeter, push_port: int) -> list[str]:
        """Return the command line of a meter that pushes."""
        to = f"127.0.0.1:{push_port}"
        if meter.gurux and self._gurux is not None:
            script = self._gurux / "simulator" / "gurux" / "push.py"
            return [
                str(self._gurux_python),
                str(script),
                "--to",
                to,
                "--every",
                str(EVERY_S),
                "--serial",
                str(meter.serial),
            ]
        ciphered = meter.protection != "none"
        options: list[object] = ["--push", to, "--every", EVERY_S, "--serial", meter.serial]
        options += ["--push-protection", "authenticated-encrypted" if ciphered else "none"]
        if ciphered:
            options += ["--keys", self.folder / f"meter-{meter.serial}.keys.json"]
        else:
            options += ["--push-transport", "udp"]
        return python("ami_simulator", *options)

    def agent_command(self) -> list[str]:
        """Return the command line of the agent."""
        return python("ami_cli", "collect", "--config", self.agent_config)

    def normalizer_command(self, bootstrap: str) -> list[str]:
        """Return the command line of the normalizer."""
        return python("ami_cli", "normalize", "--bootstrap", bootstrap, "--keys", self.keys)

    @property
    def _gurux_python(self) -> Path:
        return (self._gurux or self.folder) / ".venv-gurux" / "bin" / "python"


def agent_frame(name: str, bootstrap: str, port: int) -> dict[str, Any]:
    """Return what the configuration of every demo's agent holds."""
    return {
        "agent": name,
        "kafka": {"bootstrap": bootstrap},
        "state_dir": "agent",
        "listen": [{"transport": transport, "host": "127.0.0.1", "port": port} for transport in ("tcp", "udp")],
    }


def write_secret(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file that only its owner can read."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)


def python(module: str, *arguments: object) -> list[str]:
    """Return the command line that runs a module with the Python we run on."""
    return [sys.executable, "-m", module, *map(str, arguments)]


def _checkout() -> Path | None:
    """Find the source tree: the one this module lies in, else the current folder."""
    for folder in (*Path(__file__).resolve().parents, Path.cwd()):
        if (folder / "simulator" / "gurux" / "push.py").is_file():
            return folder
    return None
