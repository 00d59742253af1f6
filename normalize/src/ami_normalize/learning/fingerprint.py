"""A layout's fingerprint: what all messages of one layout share, and no value of any of them.

It is a hash of the tree of types: tags, counts, nesting. Left out is what differs between meters and moments: values,
the lengths of strings, the constants texts begin with, and how often a row repeats. Rows are the structures and arrays
inside an array; the plain values of an array are places of a list, and count.
"""

from __future__ import annotations

import hashlib
from typing import Final

from ami_dlms.axdr import Data, Tag

DIGITS: Final = 12
"""Hex digits of a fingerprint: 48 bits tell some ten thousand layouts apart."""

_ROWS: Final = ("[", "{")


def fingerprint(body: Data) -> str:
    """Return the fingerprint of the body of a message: lower-case hex digits."""
    return hashlib.sha256(form(body).encode("ascii")).hexdigest()[:DIGITS]


def form(data: Data) -> str:
    """Write the tree of types: `{9,6,[{18,9}]}` is a structure of a string, an uint32 and an array of alike rows."""
    if data.tag == Tag.COMPACT_ARRAY:
        return _array([form(item) for item in data.value.items])
    if data.tag not in {Tag.ARRAY, Tag.STRUCTURE}:
        return str(int(data.tag))
    forms = [form(item) for item in data.value]
    return _array(forms) if data.tag == Tag.ARRAY else "{" + ",".join(forms) + "}"


def _array(forms: list[str]) -> str:
    rows = sorted({each for each in forms if each.startswith(_ROWS)})
    plain = [each for each in forms if not each.startswith(_ROWS)]
    return "[" + ",".join(rows + plain) + "]"
