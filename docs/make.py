"""Make the pages of docs/ that say what the code says: `make docs`; `--check` compares instead."""

import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ami_dlms.cosem.classes import CLASSES, Attribute, InterfaceClass
from ami_dlms.cosem.interface import SIMPLE
from ami_ingest.config import inventory
from ami_ingest.config.form import FileForm, Section, SettingsForm, schema_text
from ami_ingest.config.yaml_file import without_none
from ami_ingest.observe.health import MEANS
from ami_ingest.observe.names import METRICS as AGENT_METRICS
from ami_ingest.transport.profiles import BUILT_IN
from ami_kafka.observe.metric import Metric
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
    return "\n".join([*page, *map(_metric, (*METRICS, *WORKER_METRICS)), ""])


def agent_metrics() -> str:
    """The page of the agent's health and metrics."""
    page = [
        AGENT_HEALTH,
        "| state | means | do |",
        "| --- | --- | --- |",
        *(f"| `{state.value}` | {means} | {do} |" for state, (means, do) in MEANS.items()),
        "",
        "| metric | labels | says | do |",
        "| --- | --- | --- | --- |",
        *map(_metric, AGENT_METRICS),
        AGENT_SIGNAL,
    ]
    return "\n".join(page)


AGENT_HEALTH = """# Is the agent well? Health and metrics

With `observe: "9465"` in its configuration (127.0.0.1 only; `"0.0.0.0:9465"` to let others ask) `ami collect` serves
`http://127.0.0.1:9465/health` for people (JSON), `/healthz` for what watches processes (200 or 503), and `/metrics`
for Prometheus. Alerts and dashboards: [deploy/monitoring](../deploy/monitoring/). `ami doctor` shows the state too.

**Healthy means progress**, not being alive. What is spooled leaves within 60 s while Kafka is there; a poll ends
within 10 minutes while meters are due, and of 20 that fail some succeed; the event loop turns. Without Kafka the agent
spools, which is its work then: it is healthy, and says so.
"""
AGENT_SIGNAL = """
Signals are those of meters that have a GSM diagnostic object and whose schedules read its cell,
`47:0.0.25.6.0.255:6` ([polling](polling.md#signals)): which meters, the log says. Half of a group receives less than
`histogram_quantile(0.5, sum by (group, le) (rate(ami_agent_signal_dbm_bucket[1d])))`.
"""


def _metric(metric: Metric) -> str:
    name = metric.exposed[0] if metric.kind != "histogram" else metric.name
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    kind = " (histogram)" if metric.kind == "histogram" else ""
    return f"| `{name}`{kind} | {labels} | {metric.says} | {metric.do} |"


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


_AGENT_CONFIG = """# Configuration of the edge agent

`ami collect` reads `/etc/ami-gateway/dlms_config.yaml`, or what `--config` names. All of it is checked before
anything starts: each mistake is a sentence with file, line, key and remedy, and all of them are told at once (what keys
mean together, once each is right by itself; 20 at most). `ami collect --check` only checks.

```yaml
# yaml-language-server: $schema=dlms_config.schema.json
agent: edge-7
kafka: {bootstrap: "kafka.example:9092"}
observe: "127.0.0.1:9465"
logs: {folder: /var/log/ami}
networks: {apn-1: {link: cellular, concurrency: 200, connections_per_s: 20}}
schedules:
  hourly:
    every: 1h
    jitter: 5m
    deadline: 30m
    read: ["3:1.0.1.8.0.255"]
    profiles: [{obis: 1.0.99.1.0.255, last: 24h}]
defaults: {network: apn-1, schedules: [hourly], secrets: "secrets/{id}.json", client_system_title: "414d490000000001"}
groups:
  north: {authentication_level: hls, security_suite: 0, client_address: 1}
inventory: {file: meters.csv}
meters:
  - {id: cellar, address: "serial:///dev/ttyUSB0?baud=9600", network: null, authentication_level: none}
```

- Paths are relative to the file's folder. Spans are written `500ms`, `10s`, `5m`, `24h`, `7d`.
- The JSON Schema, for editors and other tools: `ami collect --schema`, or `deploy/dlms_config.schema.json`.
- Secrets never stand in the file. A secrets file is JSON with any of `password`, `guek`, `gak`,
  `client_system_title`, `signing_key` (ours) and `server_signing_key` (the meter's, x and y); all but the password in
  hexadecimal digits. It, private keys of TLS and the file of `key_store` are refused unless their mode is 600 or
  stricter.
- `dedicated_key: true` gives each association a key of its own; the normalizers need the KEK of `key_store` as well:
  [keys.md](keys.md#dedicated-keys). It needs encryption, by the mechanism or by `security_policy`. What is read by
  hand, without an agent, is read under the global key: nothing of it is published.

## Meters

What a meter does not say its `group` does, what that does not say `defaults` do: the settings below hold in all
three. `null` takes back what was inherited, where it
may be absent. Meters stand in `meters`, in a file, in the registry, or in all of them;
ids are distinct. A meter that only pushes has the address `call-in://`.

A CSV file has a heading with any of these columns, in any order; an empty cell says nothing, `schedules` are
separated by spaces, the separator is `,` or `;`. A YAML file is a list of what `meters` holds.

%(columns)s

`inventory: {topic: true}` takes meters of the [registry](registry.md) that state an `address`, and this agent or none
as `agent`. They go through the same settings: the registry's `group` is the agent's group where `groups` has it, and
only a name elsewhere; `secrets` must lie below the configuration's folder; keys are never taken from the registry. It
is followed while the agent runs; the last state is kept in `state_dir`, for a start without Kafka, and for `ami ping`
and `ami read` with `--config` while none runs. A meter that cannot be meant is left out, with a line in the log. Where
a file has a meter of the same id, the file's holds.

## Changes while it runs

The agent looks at the configuration and the inventory file every two seconds, at secrets files every 30 seconds, and
at all of them on SIGHUP (`systemctl reload`). Meters with all that settings, groups, schedules, links and networks
say of them, `push`, `poll`, `spool`, `key_store` and `logs.level` take effect at once, without touching meters that did
not change. All else waits for a restart: the log names the keys. What is wrong is refused: the log says the first
mistake once, and how many there are; what was in force stays.

## Environment

Single values can be set by the environment, which goes before the file: `AMI_COLLECT__POLL__CONCURRENCY=200` is
`poll.concurrency`. A variable with this prefix that names no key is refused. `KAFKA_BOOTSTRAP` is `kafka.bootstrap`.
It can set every key below that has a single value, but for those in lists and in sections by name.

## Kinds of links

Where each is meant for, and how it was chosen: [transports.md](transports.md).

%(links)s

## Keys

%(keys)s"""


def agent_config() -> str:
    """The page of the agent's configuration."""
    links = ["| name | connect | request | retries | APDU | HDLC frame | blocks | kept open | at a time |"]
    links += ["| --- " * 9 + "|"]
    for link in BUILT_IN.values():
        told = [link.name, f"{link.connect_timeout_s:g} s", f"{link.request_timeout_s:g} s", str(link.retries)]
        told += [str(link.max_pdu_size), str(link.hdlc_frame or ""), str(link.block_window)]
        told += [f"{link.keep_open_s:g} s", str(link.cell_concurrency or "")]
        links += [f"| {' | '.join(told)} |"]
    return _AGENT_CONFIG % {
        "columns": ", ".join(f"`{name}`" for name in inventory.COLUMNS) + ".",
        "links": "\n".join(links),
        "keys": "\n".join(_keys(FileForm, "The file", set())),
    }


def _keys(model: type[BaseModel], title: str, told: set[type[BaseModel]]) -> list[str]:
    """A table of a section's keys, and of the sections in it."""
    told.add(model)
    lines = [f"### {title}", "", model.__doc__ or "", "", "| key | default | says |", "| --- | --- | --- |"]
    within: list[tuple[str, type[BaseModel]]] = []
    for name, field in model.model_fields.items():
        if issubclass(model, SettingsForm) and model is not SettingsForm and name in SettingsForm.model_fields:
            continue
        section = _section(field.annotation)
        if section is not None:
            within.append((name, section))
        lines += [f"| `{name}` | {_default(field)} | {_says(model, name, field)} |"]
    if issubclass(model, SettingsForm) and model is not SettingsForm:
        lines += ["| … | | the settings of [defaults](#defaults) |"]
    lines += [""]
    for name, section in within:
        if section not in told:
            lines += _keys(section, f"`{name}`" if model is FileForm else f"`{name}` of {title}", told)
    return lines


def _section(annotation: object) -> type[Section] | None:
    kind = without_none(annotation)
    kind = next((one for one in reversed(get_args(kind)) if one is not ...), kind)
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.default
    if value is None or value in ((), {}) or isinstance(value, Section):
        return ""
    if isinstance(value, tuple):
        return "tcp and udp on port 4059"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _says(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    schema = model.model_json_schema()["properties"][name]
    choices = schema.get("anyOf", [schema])
    words = [f"`{word}`" for choice in choices for word in choice.get("enum", ())]
    says = (field.description or "").replace("\n", " ")
    return " ".join([says, " \\| ".join(words)]) if words else says


PAGES: dict[str, Callable[[], str]] = {
    "reasons.md": reasons,
    **{f"reasons/{one.value}.md": partial(reason_page, one) for one in Reason},
    "diagnoses.md": diagnoses,
    "metrics.md": metrics,
    "agent-metrics.md": agent_metrics,
    "quality.md": quality,
    "classes.md": classes,
    "events.md": events,
    "obis.md": obis,
    "agent-config.md": agent_config,
    "../deploy/dlms_config.schema.json": schema_text,
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
