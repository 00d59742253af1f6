"""Where this machine keeps what it can make again: the server's jars, the local broker's data and logs."""

from __future__ import annotations

import os
from pathlib import Path


def state_dir() -> Path:
    """Give the state directory: `$AMI_STATE`, else `.state` of the checkout we run from, else the user's own."""
    configured = os.environ.get("AMI_STATE")
    if configured:
        return Path(configured).expanduser().absolute()
    checkout = _checkout()
    if checkout is not None:
        return checkout / ".state"
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "ami"


def _checkout() -> Path | None:
    """Give the root of the source tree this module lies in, or None for an installed wheel."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "deploy" / "topics.yaml").is_file() and (folder / "kafka" / "pyproject.toml").is_file():
            return folder
    return None
