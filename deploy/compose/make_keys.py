"""Make the secrets of the compose stack's virtual meters, once: new random ones, readable to their owner alone.

`python make_keys.py FOLDER` writes a file for each meter that has secrets, in the form of `ami read --secrets` and of
the agent's inventory, and `keys.json`, with which the normalizers open what the meters send.
"""
# ruff: noqa: INP001  (a script, no part of a package)

import json
import os
import secrets
import sys
from pathlib import Path

AGENT_TITLE = "414d490000000001"
CIPHERED = {"meter-ciphered": "414d490000000103", "pusher-ciphered": "414d490000000105"}
"""System titles of the meters that have keys."""


def write(path: Path, content: object) -> None:
    """Write JSON to a file of mode 600."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=1)


def main(folder: Path) -> None:
    """Write all files, unless that was done before."""
    if (folder / "keys.json").exists():
        return
    for leftover in folder.glob("*.json"):
        leftover.unlink()
    write(folder / "meter-password.json", {"password": secrets.token_hex(4)})
    ring = {}
    for meter, title in CIPHERED.items():
        keys = {"guek": secrets.token_hex(16), "gak": secrets.token_hex(16)}
        write(folder / f"{meter}.json", {**keys, "client_system_title": AGENT_TITLE})
        ring[title] = keys
    # Last: its presence says that all others are there.
    write(folder / "keys.json", ring)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
