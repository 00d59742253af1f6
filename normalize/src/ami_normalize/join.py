"""One block a column out of several: a profile read in parts is cut where nothing but our requests ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from ami_normalize.model import Block
from ami_normalize.quality import Quality
from ami_normalize.shapes.profile import missing_rows

_NO_UNIT = 255


def joined(blocks: Iterable[Block]) -> list[Block]:
    """Join each block to the one before of its column if it goes on at the same distances.

    Rows that are missing between the two are values that are `MISSING`, as they are inside one message.
    """
    found: list[Block] = []
    latest: dict[tuple[str, str, int, int], int] = {}
    for block in blocks:
        column = (block.profile, block.obis, block.attribute, block.occurrence)
        at = latest.get(column)
        longer = None if at is None else _continued(found[at], block)
        if at is None or longer is None:
            latest[column] = len(found)
            found.append(block)
        else:
            found[at] = longer
    return found


def _continued(before: Block, after: Block) -> Block | None:
    """Return both as one, or None if they are not of one run."""
    if before.period_s != after.period_s or not before.first_end or not after.first_end:
        return None
    units = {block.unit for block in (before, after) if any(value is not None for value in block.values)}
    if len(units) > 1:
        return None
    last_end = before.first_end.shifted(timedelta(seconds=before.period_s * (len(before.values) - 1)))
    missing = missing_rows(last_end, after.first_end, before.period_s)
    if missing is None:
        return None
    statuses = (*before.statuses, *(0,) * missing, *after.statuses)
    return replace(
        before,
        values=(*before.values, *(None,) * missing, *after.values),
        quality=(*before.quality, *((Quality.MISSING,),) * missing, *after.quality),
        unit=units.pop() if units else _NO_UNIT,
        statuses=statuses if before.statuses and after.statuses else (),
    )
