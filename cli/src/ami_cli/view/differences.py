"""What differs between two runs: a line for a person, an object for a program."""

from __future__ import annotations

from typing import Any, Final

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_cli.view.readings import from_us, instant, quality_name
from ami_normalize.replay.diff import Report
from ami_normalize.replay.differences import Difference
from ami_normalize.replay.values import Content, Key
from ami_schemas import units

_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}


def difference_json(difference: Difference) -> dict[str, Any]:
    """Return a difference as an object."""
    key = difference.key
    return {
        "kind": difference.kind.value,
        "meter": difference.meter,
        "manufacturer": difference.manufacturer,
        "obis": key.obis,
        "attribute": key.attribute,
        "profile": key.profile or None,
        "occurrence": key.occurrence,
        "fields": list(difference.fields),
        "before": _said_json(difference.before),
        "after": _said_json(difference.after),
    }


def difference_line(difference: Difference) -> str:
    """Return a difference as a line."""
    key = difference.key
    profile = f" in {key.profile}" if key.profile else ""
    attribute = f" attribute {key.attribute}" if key.attribute else ""
    said = [_said_text(side) for side in (difference.before, difference.after) if side]
    told = f" ({', '.join(difference.fields)})" if difference.fields else ""
    return (
        f"{_SIGNS[difference.kind.value]} {difference.meter} {key.obis}{attribute}{profile}: {' -> '.join(said)}{told}"
    )


def report_json(report: Report) -> dict[str, Any]:
    """Return the sums as an object."""
    return {
        "kind": "report",
        "meters": report.meters,
        "differing": report.differing,
        "records": {name: report.records[name] for name in ("live", "replayed")},
        "values": {name: report.kinds[name] for name in _SIGNS},
        "changed": {name: report.fields[name] for name in ("value", "unit", "time", "quality")},
        "groups": [
            {"manufacturer": manufacturer, "obis": obis, "kind": kind, "count": count}
            for (manufacturer, obis, kind), count in sorted(report.groups.items())
        ],
        "outcomes": [
            {"before": before, "after": after, "count": count}
            for (before, after), count in sorted(report.outcomes.items())
        ],
    }


def report_lines(report: Report) -> list[str]:
    """Return the sums as sentences."""
    kinds = ", ".join(f"{report.kinds[name]} {name}" for name in _SIGNS)
    read = f"{report.records['live']} live records, {report.records['replayed']} replayed, of {report.meters} meters"
    lines = [f"{read}; {report.differing} meters differ: {kinds}"]
    if report.fields:
        lines.append(f"changed are {', '.join(f'{name} {count}' for name, count in sorted(report.fields.items()))}")
    lines += [
        f"{count} raw records ended as {before} and end as {after}"
        for (before, after), count in sorted(report.outcomes.items())
    ]
    return lines


def _said_json(said: tuple[Key, Content] | None) -> dict[str, Any] | None:
    if said is None:
        return None
    key, content = said
    return {
        "at": instant(from_us(key.at_us)),
        "time_origin": pb.TimeOrigin.Name(content.origin).removeprefix("TIME_ORIGIN_"),
        "value": content.value,
        "unit": units.symbol(content.unit),
        "quality": [quality_name(each) for each in content.quality],
    }


def _said_text(said: tuple[Key, Content]) -> str:
    key, content = said
    value = "no value" if content.value is None else content.value
    unit = units.symbol(content.unit)
    marks = "".join(f" {quality_name(each)}" for each in content.quality)
    return f"{value}{f' {unit}' if unit else ''} at {instant(from_us(key.at_us))}{marks}"
