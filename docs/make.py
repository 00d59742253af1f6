"""Make the pages of docs/ that say what the code says: `make docs`; `--check` compares instead."""

import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from ami_dlms.cosem.classes import CLASSES, Attribute, InterfaceClass
from ami_dlms.cosem.interface import SIMPLE
from ami_normalize.observe.names import METRICS, WORKER_METRICS
from ami_schemas import event_types, units
from ami_schemas.diagnoses import Diagnosis
from ami_schemas.event_types import Companion, EventMeaning
from ami_schemas.meanings import known_codes, meaning
from ami_schemas.reasons import Disposition, Reason

DOCS = Path(__file__).parent
PROTO = DOCS.parent / "schemas" / "proto" / "ami" / "readings" / "v1" / "meter_readings.proto"


def reasons() -> str:
    """The list of reason codes."""
    page = ["# Reasons", "", "Why a raw record is not readings. Codes are stable: never renamed, never used again.", ""]
    page += ["`ami dlq ls` and `ami parked ls` count what is there by reason; each code has a page.", ""]
    for title, disposition in (
        ("Rejected: dead letters (`ami.dlq.v1`)", Disposition.REJECTED),
        ("Parked: waiting for something (`ami.parked.v1`)", Disposition.PARKED),
    ):
        page += [f"## {title}", "", "| reason | means |", "| --- | --- |"]
        for reason in Reason:
            if reason.disposition is disposition:
                page += [f"| [{reason.value}](reasons/{reason.value}.md) | {reason.meaning} |"]
        page += [""]
    return "\n".join(page)


def reason_page(one: Reason) -> str:
    """The page of one reason code."""
    verb, topic = ("dlq", "ami.dlq.v1") if one.rejected else ("parked", "ami.parked.v1")
    where = "is a dead letter" if one.rejected else "waits"
    return f"""# {one.value}

**Means** {one.meaning}.

**Do** {one.remedy}.

**Where** The record {where} in `{topic}`, byte for byte as received; it is mostly the step `{one.stage}` of the
[pipeline](../architecture.md) that finds it, and `dlq.message` then says for instance:

> {one.example}

**Look** `ami {verb} ls --reason {one.value}` lists the records, `ami {verb} show SOURCE` explains one octet by octet.

All reasons: [reasons.md](../reasons.md).
"""


def diagnoses() -> str:
    """The page of diagnoses."""
    page = [
        "# Diagnoses",
        "",
        "What is wrong with the keys of a message that does not open. The code stands in the header `dlq.diagnosis` of",
        "dead letters and parked records, a sentence with the remedy in `dlq.message`; `ami keys check` says the same",
        "of captured messages. Codes are stable. How they are found, what bounds the work: [keys.md](keys.md).",
        "",
        "| code | means | do |",
        "| --- | --- | --- |",
    ]
    page += [f"| {one.value} | {one.meaning} | {one.remedy} |" for one in Diagnosis]
    return "\n".join([*page, ""])


def metrics() -> str:
    """The page of metrics."""
    page = [
        "# Metrics of the normalizer",
        "",
        "`ami normalize --metrics 9464` serves them at `http://127.0.0.1:9464/metrics`, beside",
        "[`/healthz` and `/health`](health.md). An example for Prometheus with alerts, and a dashboard for Grafana:",
        "[deploy/monitoring](../deploy/monitoring/).",
        "",
        "| metric | labels | says | do |",
        "| --- | --- | --- | --- |",
    ]
    for metric in (*METRICS, *WORKER_METRICS):
        name = metric.exposed[0] if metric.kind != "histogram" else metric.name
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        kind = " (histogram)" if metric.kind == "histogram" else ""
        page += [f"| `{name}`{kind} | {labels} | {metric.says} | {metric.do} |"]
    return "\n".join([*page, ""])


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


def classes() -> str:
    """The page of interface classes."""
    page = [
        "# COSEM interface classes",
        "",
        "What `ami_dlms.cosem.classes` knows. No type means any, or that we are not sure; attribute 1 is always the",
        "logical name. Static attributes change by configuration only, dynamic ones by themselves; the value is what",
        "an OBIS code alone means. How each class was verified: [conformance.md](conformance.md#interface-classes).",
        "",
    ]
    by_id: dict[int, list[InterfaceClass]] = {}
    for known in CLASSES.values():
        by_id.setdefault(known.class_id, []).append(known)
    for class_id, versions in by_id.items():
        names = [f"{each.version}{'' if each.complete else ' (may have more)'}" for each in versions]
        page += [f"## {class_id} {versions[0].name}", "", f"Version {', '.join(names)}.", ""]
        page += ["| | name | type | | versions |", "| --- | --- | --- | --- | --- |"]
        attributes = {attribute for each in versions for attribute in each.attributes[1:]}
        page += [_attribute(each) for each in sorted(attributes, key=lambda each: (each.index, each.since))]
        methods = {method for each in versions for method in each.methods}
        page += [
            f"| method {each.index} | `{each.name}` | | | {_span(each.since, each.until)} |"
            for each in sorted(methods, key=lambda each: (each.index, each.since))
        ]
        page += [""]
    return "\n".join(page)


def _attribute(each: Attribute) -> str:
    names = [tag.name.lower().replace("_", "-") for tag in sorted(each.types)]
    types = " or ".join(names) if each.types != SIMPLE else "any but a collection"
    notes = [each.change.value, *(["value"] if each.is_value else [])]
    if each.scaler_unit:
        notes.append(f"scaler and unit in {each.scaler_unit}")
    return f"| {each.index} | `{each.name}` | {types} | {', '.join(notes)} | {_span(each.since, each.until)} |"


def _span(since: int, until: int | None) -> str:
    if until is None:
        return f"from {since}" if since else ""
    return f"{since}" if since == until else f"{since} to {until}"


def events() -> str:
    """The page of events."""
    page = [
        "# Events",
        "",
        "What `ami.events.v1` carries of meters: the rows of event logs, event codes and alarms that meters push, and",
        "the bits that are set in alarm and error registers. `kind` is stable; `code` is the meter's own number, of a",
        "register the number of the bit; `event_type` is the EndDeviceEventType of IEC 61968-9, where there is one",
        f"that we are sure of. A code that is not here has the kind `{event_types.UNKNOWN_EVENT}`, a bit",
        f"`{event_types.UNKNOWN_ALARM}` or `{event_types.UNKNOWN_ERROR}`. A register is a reading too; one that is",
        "zero is only that. Codes are those of a companion specification, which a [mapping](mapping.md) names",
        "(`companion`).",
        "",
    ]
    tables: tuple[tuple[str, Mapping[int, EventMeaning]], ...] = (
        ("Event codes of IDIS and DSMR, also where no companion is named", event_types.codes()),
        ("Event codes of IS 15959", event_types.codes(Companion.IS15959)),
        ("Alarm and error register 1, where no companion is named", event_types.alarms(1)),
        ("Alarm and error register 1 of IDIS", event_types.alarms(1, Companion.IDIS)),
        ("Alarm register 2 of IDIS", event_types.alarms(2, Companion.IDIS)),
        ("Alarm and error register 1 of DSMR", event_types.alarms(1, Companion.DSMR)),
    )
    for title, table in tables:
        page += [f"## {title}", "", "| code | kind | | EndDeviceEventType |", "| --- | --- | --- | --- |"]
        page += [f"| {code} | `{of.kind}` | {of.description} | {of.event_type} |" for code, of in sorted(table.items())]
        page += [""]
    failure = event_types.POWER_FAILURE
    page += [
        "## Power failure log",
        "",
        f"A row of 1-0:99.97.0 has the kind `{failure.kind}`, the type {failure.event_type} and no code: its time is",
        "the end of the failure, the duration is in its text.",
        "",
    ]
    return "\n".join(page)


_MEDIA = {
    0: "Abstract objects",
    1: "Electricity",
    4: "Heat cost allocators",
    6: "Heat",
    7: "Gas",
    8: "Cold water",
    9: "Hot water",
}


def obis() -> str:
    """The page of OBIS codes."""
    page = [
        "# OBIS codes",
        "",
        "What the codes mean that AMI Gateway knows, the units that fit, and the ReadingType of IEC 61968-9. Channel",
        "(`b`) and rate do not change a quantity: `1-b:1.8.1` is rate 1 of `1-b:1.8.0`, and its ReadingType says so",
        "(`tou`). A value of an earlier billing period (the last group is not 255) has no ReadingType. In a profile",
        "the ReadingType also has the period of its rows. A unit that is not here is flagged `UNIT_CONTRADICTS_OBIS`.",
        "A code that is not here is passed on as it is; one of a manufacturer's own range is flagged",
        "`MANUFACTURER_SPECIFIC`.",
        "",
    ]
    codes: dict[int, list[str]] = {}
    for code in known_codes():
        codes.setdefault(int(code.partition(".")[0]), []).append(code)
    for medium, of in codes.items():
        page += [f"## {_MEDIA[medium]}", "", "| OBIS | means | unit | ReadingType |", "| --- | --- | --- | --- |"]
        page += [_obis_row(code) for code in of]
        page += [""]
    return "\n".join(page)


def _obis_row(code: str) -> str:
    a, _, c, d, e, _ = code.split(".")
    found = meaning(code)
    if found is None:
        raise SystemExit(f"{code} is listed and means nothing")
    fitting = ", ".join(dict.fromkeys(units.symbol(unit) or "none" for unit in sorted(found.units)))
    description = found.description.replace("|", "\\|")
    return f"| `{a}-b:{c}.{d}.{e}` | {description} | {fitting} | {found.reading_type} |"


PAGES: dict[str, Callable[[], str]] = {
    "reasons.md": reasons,
    **{f"reasons/{one.value}.md": partial(reason_page, one) for one in Reason},
    "diagnoses.md": diagnoses,
    "metrics.md": metrics,
    "quality.md": quality,
    "classes.md": classes,
    "events.md": events,
    "obis.md": obis,
}


def main() -> int:
    """Write the pages, or say which differ."""
    stale = []
    for name, make in PAGES.items():
        page = DOCS / name
        if "--check" not in sys.argv:
            page.parent.mkdir(exist_ok=True)
            page.write_text(make())
        elif not page.is_file() or page.read_text() != make():
            stale.append(name)
    if stale:
        print(f"Not what the code says: docs/{', docs/'.join(stale)}. Run: make docs")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
