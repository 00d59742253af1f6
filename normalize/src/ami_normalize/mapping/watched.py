"""Mapping files that take effect when they change; what cannot be used is refused, and the old stays in force."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ami_normalize.dialects import Dialects
from ami_normalize.errors import MappingInvalid
from ami_normalize.watched import WatchedFiles

DEFAULT_MAPPING: Final = Path("/etc/ami-gateway/mapping.json")
"""The user's mapping where no other is named; it need not exist."""


class MappingFiles:
    """The dialects of files, in order, before the built-in ones. A file may come into being later."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Read the files; raises MappingInvalid for one that is wrong, or whose folder does not exist."""
        for path in paths:
            if path != DEFAULT_MAPPING and not path.parent.is_dir():
                raise MappingInvalid(f"{path} cannot be read (there is no such folder); name an existing mapping.")
        self._paths = tuple(paths)
        self._files = WatchedFiles(self._paths)
        self.dialects = self._compiled()

    @property
    def missing(self) -> tuple[Path, ...]:
        """The files that do not exist yet."""
        return tuple(path for path, content in zip(self._paths, self._files.contents, strict=True) if content is None)

    def refresh(self) -> bool:
        """Take over what changed; returns whether something did. Raises MappingInvalid once per change.

        Costs a stat a file where nothing changed lately.
        """
        before = self._files.contents
        if not self._files.refresh():
            return False
        for path, old, new in zip(self._paths, before, self._files.contents, strict=True):
            if old is not None and new is None:
                raise MappingInvalid(
                    f"{path} is gone; put it back, or write [] into it where nothing of it shall hold."
                )
        self.dialects = self._compiled()
        return True

    def _compiled(self) -> Dialects:
        found = []
        for path, content in zip(self._paths, self._files.contents, strict=True):
            if isinstance(content, str):
                raise MappingInvalid(f"{path} cannot be read ({content}); check its owner and mode.")
            if content is not None:
                found.append((str(path), content))
        return Dialects.of_contents(found)
