"""The same messages by Gurux, in a process and an environment of its own."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench._messages import Meter

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-gurux" / "bin" / "python"


def gurux_rate(messages: Sequence[tuple[Meter, bytes]], seconds: float) -> float | None:
    """Return messages per second of process time; None where its environment is not set up (`make bench` does)."""
    if not PYTHON.exists():
        print("no comparison with Gurux: .venv-gurux is missing (make bench sets it up)", file=sys.stderr)
        return None
    lines = "\n".join(
        json.dumps(
            {
                "hex": message.hex(),
                "encryption": meter.keys.encryption.hex(),
                "authentication": (meter.keys.authentication or b"").hex(),
            }
        )
        for meter, message in messages
    )
    told = subprocess.run(
        [PYTHON, ROOT / "simulator" / "gurux" / "decode_rate.py", str(seconds)],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(told.stdout)
    assert answer["values"], "Gurux did not decode the message"
    return float(answer["rate"])
