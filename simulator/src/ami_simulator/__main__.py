"""`python -m ami_simulator`: one virtual meter in the foreground, until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from ami_dlms.errors import UsageError
from ami_dlms.framing import Framing
from ami_dlms.security import KeyPairs, Keys, Protection
from ami_dlms.server import Authentication, ServerSettings
from ami_simulator.meter import VirtualMeter
from ami_simulator.push import Pusher, PushSettings, Transport
from ami_simulator.server import MeterServer

POLICY = {
    Protection.NONE: 0,
    Protection.AUTHENTICATED: 1,
    Protection.ENCRYPTED: 2,
    Protection.AUTHENTICATED_ENCRYPTED: 3,
}
USAGE = 2
MISSING = 7
AUTHENTICATIONS = [item.value for item in Authentication if item is not Authentication.HLS]
"""All but the manufacturer's own."""
MEMBERS = ("guek", "gak", "gbek", "kek", "signing_key", "client_signing_key", "system_title")
"""Of a keys file, in hexadecimal."""


class Secrets(NamedTuple):
    """What the keys file holds."""

    keys: Keys | None = None
    system_title: bytes | None = None
    password: bytes | None = None


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(
        "ami simulate meter", description="Run one virtual meter: it can be read, and it can push."
    )
    made.add_argument("--listen", metavar="HOST:PORT", help="serve clients here; port 0 takes a free one")
    made.add_argument("--framing", choices=["wrapper", "hdlc"], default="wrapper")
    made.add_argument("--auth", choices=AUTHENTICATIONS, default="none", help="what clients must prove")
    made.add_argument("--suite", type=int, choices=[0, 1, 2], default=0, help="security suite")
    made.add_argument("--password", help="of lls, or the secret of hls-md5, -sha1, -sha256; better in the keys file")
    made.add_argument(
        "--policy", choices=[item.value for item in Protection], default="none", help="least protection of requests"
    )
    made.add_argument("--keys", metavar="FILE", type=Path, help=f"JSON, members of: {', '.join(MEMBERS)}, password")
    made.add_argument("--system-title", metavar="HEX", help="8 octets; by default made of the serial number")
    made.add_argument("--server", type=int, default=1, metavar="SAP", help="the logical device's address")
    made.add_argument("--push", metavar="HOST:PORT", help="push there")
    made.add_argument("--push-transport", choices=[item.value for item in Transport], default="tcp")
    made.add_argument("--push-protection", choices=[item.value for item in Protection], default="none")
    made.add_argument("--every", type=float, default=15.0, metavar="S", help="seconds between pushes")
    made.add_argument("--serial", type=int, default=1, metavar="N", help="serial number")
    made.add_argument("--seed", type=int, metavar="N", help="of the measured values; by default the serial number")
    return made


async def run(arguments: argparse.Namespace) -> None:
    """Run the meter until SIGINT or SIGTERM; say on stdout in one line when it is ready."""
    secrets = read_keys(arguments.keys)
    title = bytes.fromhex(arguments.system_title) if arguments.system_title else secrets.system_title
    policy = Protection(arguments.policy)
    meter = VirtualMeter(
        arguments.serial, seed=arguments.seed, system_title=title, policy=POLICY[policy], suite=arguments.suite
    )
    stop = _stop_on_signals()
    said: dict[str, object] = {"serial": arguments.serial, "system_title": meter.system_title.hex()}
    async with contextlib.AsyncExitStack() as stack:
        if arguments.listen:
            settings = ServerSettings(
                server_sap=arguments.server,
                framing=Framing(arguments.framing),
                authentication=Authentication(arguments.auth),
                password=arguments.password.encode("utf-8") if arguments.password else secrets.password,
                suite=arguments.suite,
                keys=secrets.keys,
                system_title=meter.system_title,
                protection=policy,
            )
            host, port = split_address(arguments.listen)
            server = await stack.enter_async_context(MeterServer(meter, settings, host, port))
            said["listening"] = "{}:{}".format(*server.address)
        pushing = _pusher(arguments, meter, secrets)
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        await (pushing.run(stop) if pushing else stop.wait())


def _pusher(arguments: argparse.Namespace, meter: VirtualMeter, secrets: Secrets) -> Pusher | None:
    if not arguments.push:
        return None
    host, port = split_address(arguments.push)
    protection = Protection(arguments.push_protection)
    if protection is not Protection.NONE and secrets.keys is None:
        raise UsageError("A protected push needs --keys.")
    return Pusher(
        meter,
        PushSettings(
            host,
            port,
            Transport(arguments.push_transport),
            protection,
            secrets.keys,
            arguments.every,
            suite=arguments.suite,
        ),
    )


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def read_keys(path: Path | None) -> Secrets:
    """Read a keys file; raises UsageError that never quotes it."""
    if path is None:
        return Secrets()
    try:
        content = json.loads(path.read_text("utf-8"))
        password = content.get("password")
        octets = {name: bytes.fromhex(content[name]) for name in MEMBERS if content.get(name)}
        return Secrets(_keys(octets), octets.get("system_title"), password.encode("utf-8") if password else None)
    except OSError as error:
        raise UsageError(f"The keys file {path} cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError, AttributeError):
        raise UsageError(
            f'The keys file {path} is not like {{"guek": hex, "gak": hex, "system_title": hex, "password"}}.'
        ) from None


def _keys(octets: dict[str, bytes]) -> Keys | None:
    """Make the keys; `signing_key` is the meter's private one, `client_signing_key` the client's public one."""
    if "guek" not in octets:
        return None
    pairs = KeyPairs(octets.get("signing_key"), peer_signing=octets.get("client_signing_key"))
    return Keys(
        octets["guek"],
        octets.get("gak"),
        broadcast=octets.get("gbek"),
        master=octets.get("kek"),
        pairs=pairs,
    )


def split_address(text: str) -> tuple[str, int]:
    """Split HOST:PORT; raises UsageError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 0xFFFF:
        raise UsageError(f"An address is HOST:PORT, not '{text}'.")
    return host.strip("[]") or "0.0.0.0", int(port)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; ends the process with 2 on a wrong command line, and with 7 where it cannot listen."""
    made = parser()
    arguments = made.parse_args(argv)
    if not arguments.listen and not arguments.push:
        made.error("give --listen, --push or both")
    try:
        asyncio.run(run(arguments))
    except UsageError as error:
        _exit(str(error), USAGE)
    except ValueError:
        _exit("--system-title is hexadecimal, 16 digits.", USAGE)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        _exit(f"Cannot listen on {arguments.listen}: {reason}.", MISSING, "stop what uses the port, or take port 0")


def _exit(message: str, code: int, remedy: str = "ami simulate meter --help") -> NoReturn:
    sys.stderr.write(f"error: {message}\n  try: {remedy}\n")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
