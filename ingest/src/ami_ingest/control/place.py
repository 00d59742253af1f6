"""The control socket in the file system: whose it is, who may use it, and what a killed agent left."""

from __future__ import annotations

import contextlib
import fcntl
import grp
import os
import socket
import stat
from pathlib import Path

from ami_ingest.control.errors import ControlError


class Place:
    """A socket that one agent holds. A lock beside it says so, and falls with the agent, however that ends."""

    def __init__(self, path: Path, group: str | None = None) -> None:
        self.path = path
        self._group = group
        self._lock: int | None = None

    def open(self) -> socket.socket:
        """Return the socket, bound and not listening yet: mode 600, or 660 with a group. Raises ControlError.

        A socket that a killed agent left is replaced. Two agents cannot have one place.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._take()
            self._clear()
            return self._bound()
        except OSError as error:
            self.close()
            raise ControlError(
                f"The control socket {self.path} cannot be opened ({error.strerror or error}); make its folder "
                f"writable, or name another with `control`",
            ) from None
        except ControlError:
            self.close()
            raise

    def close(self) -> None:
        """Remove the socket, if it is ours, and let others have the place."""
        if self._lock is None:
            return
        with contextlib.suppress(OSError, ControlError):
            self._clear()
        os.close(self._lock)
        self._lock = None

    def _take(self) -> None:
        self._lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = None
            raise ControlError(
                f"Another agent has the control socket {self.path}; stop it, or give this one another `state_dir` or "
                f"`control`",
            ) from None

    def _clear(self) -> None:
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(found.st_mode):
            raise ControlError(f"{self.path} is no socket; remove it, or name another with `control`")
        self.path.unlink()

    def _bound(self) -> socket.socket:
        bound = socket.socket(socket.AF_UNIX)
        try:
            bound.bind(str(self.path))
            # Nobody can connect before somebody listens, so nobody does before the rights are these.
            self.path.chmod(0o600)
            if self._group is not None:
                os.chown(self.path, -1, self._group_id(self._group))
                self.path.chmod(0o660)
        except BaseException:
            bound.close()
            raise
        return bound

    def _group_id(self, name: str) -> int:
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            raise ControlError(
                f"The group '{name}' of the control socket is unknown; create it, or correct it"
            ) from None
