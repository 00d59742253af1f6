"""A file of routes that takes effect when it changes; what cannot be used is refused, and the old stays in force."""

from __future__ import annotations

from datetime import timezone, tzinfo
from pathlib import Path
from typing import Final

from ami_normalize.errors import RoutesInvalid
from ami_normalize.routes.check import routes_of
from ami_normalize.routes.outputs import Routes
from ami_normalize.watched import WatchedFiles

DEFAULT_ROUTES: Final = Path("/etc/ami-gateway/routes.yaml")
"""The routes where no other file is named; it need not exist."""


class RouteFile:
    """The routes of a file, which may come into being later."""

    def __init__(self, path: Path, zone: tzinfo = timezone.utc) -> None:
        """Read the file; raises RoutesInvalid for one that is wrong, or whose folder does not exist."""
        if path != DEFAULT_ROUTES and not path.parent.is_dir():
            raise RoutesInvalid(f"{path} cannot be read (there is no such folder); name an existing file of routes.")
        self.path = path
        self._zone = zone
        self._file = WatchedFiles([path])
        self.routes = self._compiled()

    @property
    def missing(self) -> bool:
        """Whether the file does not exist yet."""
        return self._file.contents == (None,)

    def refresh(self) -> bool:
        """Take over what changed; returns whether something did. Raises RoutesInvalid once per change."""
        before = self._file.contents
        if not self._file.refresh():
            return False
        if before != (None,) and self.missing:
            raise RoutesInvalid(f"{self.path} is gone; put it back, or write `routes: []` into it for none.")
        self.routes = self._compiled()
        return True

    def _compiled(self) -> Routes:
        (content,) = self._file.contents
        if isinstance(content, str):
            raise RoutesInvalid(f"{self.path} cannot be read ({content}); check its owner and mode.")
        return Routes(() if content is None else routes_of(content, str(self.path)), self._zone)
