"""A wheel with compiled modules is of one Python and platform; hatchling asks this for each room that has some.

`make compiled` (compile.py) makes them in place. Without any the wheel is of sources only, and runs everywhere.
"""

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Compiled(BuildHookInterface[Any]):
    """Adds the compiled modules of the Python that builds, and their note."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files and the tag of the wheel."""
        suffix = EXTENSION_SUFFIXES[0]
        if version == "standard" and any(Path(self.root, "src").rglob(f"*{suffix}")):
            build_data["artifacts"] += [f"*{suffix}", f"*{suffix}.json"]
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
