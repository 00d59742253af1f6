"""Make the pages of docs/ that say what the code says: `make docs`; `--check` compares instead."""

import re
import sys
from pathlib import Path

from ami_schemas.reasons import Disposition, Reason

DOCS = Path(__file__).parent
PROTO = DOCS.parent / "schemas" / "proto" / "ami" / "readings" / "v1" / "meter_readings.proto"


def reasons() -> str:
    """The page of reason codes."""
    page = ["# Reasons", "", "Why a raw record is not readings. Codes are stable: never renamed, never used again.", ""]
    for title, disposition in (
        ("Rejected: dead letters (`ami.dlq.v1`)", Disposition.REJECTED),
        ("Parked: waiting for something (`ami.parked.v1`)", Disposition.PARKED),
    ):
        page += [f"## {title}", ""]
        for reason in Reason:
            if reason.disposition is disposition:
                page += [f"### {reason.value}", "", f"**Means** {reason.meaning}.", "", f"**Do** {reason.remedy}.", ""]
    return "\n".join(page)


def quality() -> str:
    """The page of quality codes, from the comments of the schema."""
    text = PROTO.read_text()
    body = re.search(r"^enum Quality \{\n(.*?)^\}", text, re.DOTALL | re.MULTILINE)
    if body is None:
        raise SystemExit(f"{PROTO} has no enum Quality")
    page = ["# Quality codes", "", "What a consumer must know about a value. A value without a code is good.", ""]
    for comment, name in re.findall(r"((?:^  // .*\n)+)^  QUALITY_(\w+) = \d+;", body.group(1), re.MULTILINE):
        if name != "UNSPECIFIED":
            sentence = " ".join(line.strip().removeprefix("// ") for line in comment.strip().splitlines())
            page += [f"## {name}", "", sentence, ""]
    return "\n".join(page)


PAGES = {"reasons.md": reasons, "quality.md": quality}


def main() -> int:
    """Write the pages, or say which differ."""
    stale = []
    for name, make in PAGES.items():
        page = DOCS / name
        if "--check" not in sys.argv:
            page.write_text(make())
        elif not page.is_file() or page.read_text() != make():
            stale.append(name)
    if stale:
        print(f"Not what the code says: docs/{', docs/'.join(stale)}. Run: make docs")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
