"""What is wrong in what people wrote, gathered so that all of it is said at once."""

from __future__ import annotations

from types import TracebackType

from ami_ingest.config.yaml_file import Location


class Mistake(Exception):
    """Something written cannot be meant: where, and a sentence."""

    def __init__(self, at: Location, sentence: str) -> None:
        super().__init__(sentence)
        self.at = at


class Mistakes:
    """Mistakes as they are found. `with mistakes:` notes the one that is raised and goes on behind the block."""

    def __init__(self) -> None:
        self.found: list[Mistake] = []

    def add(self, at: Location, sentence: str) -> None:
        """Note one."""
        self.found.append(Mistake(at, sentence))

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, Mistake):
            self.found.append(error)
            return True
        return False
