"""The command's side of the control socket: blocking, one agent, one connection."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from ami_ingest.config.target import Target
from ami_ingest.control import protocol
from ami_ingest.control.errors import AgentRefused, AgentUnreachable
from ami_ingest.control.protocol import ProtocolError
from ami_ingest.meters.ping import Pinged
from ami_ingest.meters.read import ProfileRange
from ami_ingest.meters.reading import Reading

_GRACE_S: Final = 5.0
"""The agent says itself when time is up; then who waits need not."""


class Agent:
    """A running agent. Use as a context manager."""

    def __init__(self, path: Path, timeout_s: float = 60.0) -> None:
        """Connect. Raises AgentUnreachable; `timeout_s` bounds each request."""
        self.path = path
        self._timeout_s = timeout_s
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout_s + _GRACE_S)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise _unreachable(path, error) from None
        self._lines = self._socket.makefile("rb")
        self._number = 0

    def __enter__(self) -> Agent:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._socket.close()

    def ping(self, meter: str) -> Pinged:
        """See whether a meter answers. Raises AgentRefused, AgentUnreachable or ProtocolError."""
        *_, end = self._ask("ping", meter=meter, timeout_s=self._timeout_s)
        return protocol.pinged_of(end.get("pinged") or {})

    def read(self, meter: str, targets: Sequence[Target], profile: ProfileRange | None = None) -> list[Reading]:
        """Read a meter; raises as `ping`."""
        members = protocol.read_members(targets, profile)
        return [
            protocol.reading_of(each["reading"])
            for each in self._ask("read", meter=meter, timeout_s=self._timeout_s, **members)
            if isinstance(each.get("reading"), dict)
        ]

    def status(self) -> Mapping[str, Any]:
        """Ask how it is; raises as `ping`."""
        *_, end = self._ask("status")
        found = end.get("status")
        return found if isinstance(found, dict) else {}

    def meters(self) -> Iterator[Mapping[str, Any]]:
        """Yield the inventory; raises as `ping`."""
        for each in self._ask("meters"):
            if isinstance(each.get("meter"), dict):
                yield each["meter"]

    def reload(self) -> Mapping[str, Any]:
        """Have the configuration read again; raises as `ping`."""
        *_, end = self._ask("reload")
        found = end.get("reloaded")
        return found if isinstance(found, dict) else {}

    def _ask(self, do: str, **members: Any) -> Iterator[Mapping[str, Any]]:
        """Yield the lines of the answer; the last one is its end."""
        self._number += 1
        try:
            self._socket.sendall(protocol.line({"id": self._number, "do": do, **members}))
            while True:
                line = self._lines.readline(protocol.MAX_ANSWER + 1)
                if not line.endswith(b"\n"):
                    if len(line) > protocol.MAX_ANSWER:
                        raise ProtocolError("TOO_LONG", "the agent's answer is too long")
                    raise AgentUnreachable(
                        f"The agent at {self.path} ended before it answered; look at its log, and whether it runs",
                    )
                answer = protocol.parse_answer(line)
                if answer.get("ok") is False:
                    raise AgentRefused(protocol.failure_from(answer.get("error")))
                yield answer
                if "ok" in answer:
                    return
        except OSError as error:
            raise _unreachable(self.path, error) from None


def _unreachable(path: Path, error: OSError) -> AgentUnreachable:
    if isinstance(error, TimeoutError):
        return AgentUnreachable(f"The agent at {path} does not answer; look at its log")
    remedies = {
        errno.ENOENT: "start it (`ami collect`), or name its socket with --control",
        errno.ECONNREFUSED: "no agent runs there any more; start it (`ami collect`)",
        errno.EACCES: "become its user, or a member of the group that `control_group` names",
    }
    remedy = remedies.get(error.errno or 0, "name its socket with --control")
    return AgentUnreachable(f"No agent answers at {path} ({error.strerror or error}); {remedy}")


def reachable(path: Path) -> bool:
    """Tell whether something listens there."""
    try:
        with Agent(path, 5.0):
            return True
    except AgentUnreachable:
        return False
