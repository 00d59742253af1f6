"""Whether meters can reach our port, as far as this machine can tell: its own rules, and a connection to itself."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from ami_cli.checks.finding import Finding, Level

_TIMEOUT_S: Final = 3.0


class Rules(NamedTuple):
    """The rules in force, as their tool prints them."""

    tool: str
    text: str


def firewall(port: int, rules: Rules | None = None) -> Iterator[Finding]:
    """See whether the rules of this machine let others in at a port; nothing where they cannot be read."""
    found = rules or read_rules()
    if found is None:
        yield Finding(
            Level.OK,
            "firewall",
            "its rules cannot be read: no nft and no iptables here, or not for this user",
            f"look as root whether {port} is open",
        )
        return
    closed = closed_by_iptables if found.tool == "iptables" else closed_by_nft
    if closed(found.text, port):
        remedy = {
            "iptables": f"iptables -I INPUT -p tcp --dport {port} -j ACCEPT, the same with -p udp",
            "nft": f"nft insert rule inet filter input meta l4proto {{tcp, udp}} th dport {port} accept",
        }[found.tool]
        told = f"{found.tool} drops what comes in, and no rule lets port {port} in"
        yield Finding(Level.WARN, "firewall", told, remedy)
    else:
        yield Finding(Level.OK, "firewall", f"{found.tool} lets port {port} in")


def read_rules() -> Rules | None:
    """Ask nft, else iptables; None where neither is there or lets this user read."""
    for tool, arguments in (("nft", ["list", "ruleset"]), ("iptables", ["-S"])):
        path = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")
        if path is None:
            continue
        with suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(  # noqa: S603  a program of the system, and nothing of ours in its arguments
                [path, *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
            if done.returncode == 0:
                return Rules(tool, done.stdout)
    return None


def closed_by_iptables(text: str, port: int) -> bool:
    """Tell whether `iptables -S` drops what comes in and lets the port in nowhere."""
    lines = text.splitlines()
    drops = any(re.match(r"-P INPUT (DROP|REJECT)", line) for line in lines) or any(
        re.fullmatch(r"-A INPUT -j (DROP|REJECT.*)", line.strip()) for line in lines
    )
    accepts = any(
        line.strip() == "-A INPUT -j ACCEPT" or (line.endswith("ACCEPT") and _names(line, r"--dports? (\S+)", port))
        for line in lines
        if line.startswith("-A ")
    )
    return drops and not accepts


def closed_by_nft(text: str, port: int) -> bool:
    """Tell whether a chain of `nft list ruleset` at the input hook drops, and no rule lets the port in."""
    drops = re.search(r"hook input [^;]*;\s*policy drop", text) is not None
    accepts = any(
        "accept" in line and _names(line, r"dport (\{[^}]*\}|\S+)", port) for line in map(str.strip, text.splitlines())
    )
    return drops and not accepts


def _names(line: str, pattern: str, port: int) -> bool:
    """Tell whether a rule names a port: alone, in a list, or in a range."""
    for named in re.findall(pattern, line):
        for first, last in re.findall(r"(\d+)(?:[-:](\d+))?", named):
            if int(first) <= port <= int(last or first):
                return True
    return False


def own_address() -> str | None:
    """Return the address this machine has towards others; None without a network. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # a documentation address (RFC 5737)
        address = str(probe.getsockname()[0])
        return None if address.startswith("127.") else address
    return None


def reachable(
    port: int,
    address: Callable[[], str | None] = own_address,
    connect: Callable[[str, int], None] | None = None,
) -> Finding:
    """Connect to our own port at the address that others use; listen there ourselves where nobody does."""
    name, host = f"reach port {port}", address()
    if host is None:
        return Finding(Level.WARN, name, "this machine has no address but its own loopback", "connect it to a network")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ours = False
        with suppress(OSError):  # taken: by the agent, as it should be
            listener.bind((host, port))
            listener.listen(1)
            ours = True
        try:
            (connect or _connect)(host, port)
        except OSError as error:
            told = f"{host}:{port} cannot be reached even from here ({error.strerror or error})"
            remedy = "look at the rules of the firewall, and whether the agent listens on another address"
            return Finding(Level.FAIL, name, told, remedy)
    whom = "a listener of this check" if ours else "what listens there"
    return Finding(Level.OK, name, f"{whom} is reached at {host}, from here")


def _connect(host: str, port: int) -> None:
    with socket.create_connection((host, port), _TIMEOUT_S):
        pass
