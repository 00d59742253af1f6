"""What the other side needs to know of a fleet, as files: its meters, their secrets, their keys.

| file | what |
| --- | --- |
| `fleet.jsonl` | every meter, a line each, without secrets |
| `meters.yaml` | the served meters as an inventory of the agent |
| `secrets/ID.json` | what a client needs to associate with one of them, mode 600 |
| `keys.json` | the keys of all meters that cipher, as `ami normalize --keys` reads them, mode 600 |
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ami_dlms.framing import Framing
from ami_dlms.server import Authentication
from ami_simulator.fleet.members import FleetMeter, Members

_SCHEMES: Final = {Framing.WRAPPER: "tcp", Framing.HDLC: "hdlc+tcp"}


def meters(members: Members, port: int | None = None) -> Iterator[FleetMeter]:
    """Yield all meters; `port` is the one they are served on, where the description leaves it open."""
    return (members.meter(index, port) for index in range(len(members)))


def described(meter: FleetMeter) -> dict[str, Any]:
    """Return a meter without its secrets."""
    return {
        "index": meter.index,
        "id": meter.id,
        "serial": meter.serial,
        "logical_device_name": meter.logical_device_name,
        "system_title": meter.system_title.hex(),
        "authentication": meter.authentication.value,
        "framing": meter.framing.value,
        "security_suite": meter.suite,
        "client_address": meter.client_address,
        "logical_device_id": meter.logical_device,
        "physical_device_id": meter.physical_device,
        "address": None if meter.address is None else "{}:{}".format(*meter.address),
        "push_transport": None if meter.push_transport is None else meter.push_transport.value,
        "push_protection": meter.push_protection.value,
    }


def for_agent(meter: FleetMeter) -> dict[str, Any]:
    """Return a served meter as the agent's inventory has it; its secrets are `secrets/{id}.json` beside it."""
    if meter.address is None:
        raise ValueError("The fleet does not serve this meter.")
    level, hls, mechanism = meter.authentication.value.partition("hls-")
    entry: dict[str, Any] = {
        "id": meter.id,
        "address": "{}://{}:{}".format(_SCHEMES[meter.framing], *meter.address),
        "client_address": meter.client_address,
        "logical_device_id": meter.logical_device,
        "authentication_level": "hls" if hls else level,
        "security_suite": meter.suite,
        "system_title": meter.system_title.hex(),
    }
    if mechanism:
        entry["mechanism"] = mechanism
    if meter.physical_device is not None:
        entry["physical_device_id"] = meter.physical_device
    return entry


def secrets_of(meter: FleetMeter, client_system_title: bytes) -> dict[str, str] | None:
    """Return what a client needs to associate; None where it needs nothing."""
    if meter.authentication is Authentication.NONE:
        return None
    if meter.authentication is Authentication.HLS_GMAC:
        return {**keys_of(meter), "client_system_title": client_system_title.hex()}
    found = {"password": meter.password.decode("ascii")}
    if meter.authentication.uses_titles:
        found["client_system_title"] = client_system_title.hex()
    return found


def keys_of(meter: FleetMeter) -> dict[str, str]:
    """Return a meter's keys in the form of `keys.json`."""
    return {"guek": meter.keys.encryption.hex(), "gak": (meter.keys.authentication or b"").hex()}


def write(folder: Path, members: Members, port: int | None = None) -> None:
    """Write all files, in place of those of an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "secrets").mkdir(mode=0o700, exist_ok=True)
    title = members.description.client_system_title
    ring: dict[str, dict[str, str]] = {}
    with (
        (folder / "fleet.jsonl").open("w", encoding="utf-8") as listed,
        (folder / "meters.yaml").open("w", encoding="utf-8") as served,
    ):
        for meter in meters(members, port):
            listed.write(json.dumps(described(meter)) + "\n")
            if meter.ciphers:
                ring[meter.system_title.hex()] = keys_of(meter)
            if meter.address is None:
                continue
            secrets = secrets_of(meter, title)
            if secrets is not None:
                _private(folder / "secrets" / f"{meter.id}.json", secrets)
            # JSON is YAML: one meter a line.
            served.write(f"- {json.dumps(for_agent(meter))}\n")
    _private(folder / "keys.json", ring)


def _private(path: Path, content: object) -> None:
    """Write JSON to a file of mode 600, whatever mode one of that name had."""
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        os.fchmod(opened, 0o600)
        json.dump(content, file)
