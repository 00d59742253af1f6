"""Lists of meters: CSV and YAML say the same, and what is wrong is said with file, line and column."""

import pytest

from ami_dlms.client import Authentication
from ami_ingest.config.file import load
from ami_ingest.errors import ConfigError

pytestmark = pytest.mark.unit

CONFIG = """
agent: edge-1
kafka: {bootstrap: "localhost:9092"}
schedules: {hourly: {every: 1h, read: [1.0.1.8.0.255]}, daily: {every: 1d, profiles: [{obis: 1.0.99.1.0.255}]}}
defaults: {schedules: [hourly]}
groups: {north: {client_address: 7}}
inventory: {file: %s}
meters: [{id: own, address: "tcp://h:1"}]
"""
CSV = """\
id,address,group,client_address,logical_device_id,authentication_level,secrets,system_title,zone,request_timeout,retries,schedules,clock.set_over,signal.warn_under,push_from
m1,tcp://10.0.0.1:4059,north,,2,,,,,,,,,,
m2,hdlc+tcp://10.0.0.2,,1,,lls,secrets/{id}.json,4d4d4d0000000001,Europe/Vienna,500ms,3,hourly  daily,5m,-95,10.0.0.2
"""
YAML = """\
- {id: m1, address: "tcp://10.0.0.1:4059", group: north, logical_device_id: 2}
- id: m2
  address: hdlc+tcp://10.0.0.2
  client_address: 1
  authentication_level: lls
  secrets: secrets/{id}.json
  system_title: "4d4d4d0000000001"
  zone: Europe/Vienna
  request_timeout: 500ms
  retries: 3
  schedules: [hourly, daily]
  clock: {set_over: 5m}
  signal: {warn_under: -95}
  push_from: 10.0.0.2
"""


@pytest.fixture
def listed(tmp_path):
    (tmp_path / "secrets").mkdir()
    secrets = tmp_path / "secrets" / "m2.json"
    secrets.write_text('{"password": "x"}')
    secrets.chmod(0o600)

    def listed(name, content):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        (tmp_path / "dlms_config.yaml").write_text(CONFIG % name)
        return load(tmp_path / "dlms_config.yaml").meters

    return listed


def test_csv_and_yaml_say_the_same(listed):
    meters = listed("m.csv", CSV)

    assert meters == listed("m.yaml", YAML)
    assert [meter.id for meter in meters] == ["own", "m1", "m2"]
    _, first, second = meters
    assert (first.group, first.client_address, first.logical_device_id) == ("north", 7, 2)
    assert [schedule.name for schedule in first.schedules] == ["hourly"]
    assert (second.authentication, second.credentials.password) == (Authentication.LLS, b"x")
    assert (second.link.request_timeout_s, second.link.retries, second.clock.set_over_s) == (0.5, 3, 300.0)
    assert [schedule.name for schedule in second.schedules] == ["hourly", "daily"]


@pytest.mark.parametrize(
    "content", ["\ufeff" + CSV, CSV.replace(",", ";"), CSV.replace("\n", "\r\n"), CSV + "\n,,,,,,,,,,,,,,\n"]
)
def test_csv_as_spreadsheets_write_it(listed, content):
    assert listed("m.csv", content) == listed("m.csv", CSV)


def test_an_empty_list_is_one(listed):
    assert len(listed("m.csv", "id,address\n")) == 1
    assert len(listed("m.yaml", "[]\n")) == 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "m.csv, line 1: the heading lacks the column id; add it"),
        ("id\nm1\n", "m.csv, line 1: the heading lacks the column address; add it"),
        ("id,adress\n", "m.csv, line 1, column adress: there is no such column; did you mean 'address'?"),
        ("id,address,\n", "m.csv, line 1, column without a name: there is no such column; docs/agent-config.md"),
        ("id,address,id\n", "m.csv, line 1, column id: this column stands twice; remove one"),
        ("id,address\nm1\n", "m.csv, line 2: 1 cells stand below 2 columns; put texts with a separator in quotes"),
        ("id,address\nm1,tcp://h,x\n", "m.csv, line 2: 3 cells stand below 2 columns"),
        ("id,address\n,tcp://h\n", "m.csv, line 2, column id: this key is missing; add it"),
        ("id,address\nm 1,tcp://h\n", "m.csv, line 2, column id: 'm 1' is no name; use letters"),
        ("id,address\nm1,tcp://h\nm2,h\n", "m.csv, line 3, column address: 'h' is no endpoint; write"),
        ("id,address\nm1,tcp://h\nm1,tcp://h\n", "m.csv, line 3, column id: 'm1' is the id of the meter at "),
        ("id,address\nm1,tcp://h\nown,tcp://h\n", "dlms_config.yaml, line 8: meters[0] too; rename one"),
        ("id,address,zone\n\nm1,tcp://h,Mars\n", "m.csv, line 3, column zone: 'Mars' is no time zone; write"),
        (
            "id,address,group\nm1,tcp://h,nort\n",
            "m.csv, line 2, column group: 'nort' is no group; did you mean",
        ),
        (
            "id,address,schedules\nm1,tcp://h,hourly dayly\n",
            "line 2, column schedules: 'dayly' is no schedule; did",
        ),
        ("id,address,retries\nm1,tcp://h,few\n", "m.csv, line 2, column retries: 'few' is no whole number; correct it"),
        (
            "id,address,security_suite\nm1,tcp://h,9\n",
            "column security_suite: '9' is not known; write one of",
        ),
        ("id,address,clock.set_over\nm1,tcp://h,9\n", "line 2, column clock.set_over: '9' is no time span; write"),
        ("id,address,secrets\nm1,tcp://h,none.json\n", "line 2, column secrets: "),
        (
            "id,address,authentication_level\nm1,tcp://h,hls\n",
            "line 2, column authentication_level: 'hls with gmac' needs guek; name one with `secrets`",
        ),
        ('id,address\n"m1\n,tcp://h\n', "m.csv, line 3: 1 cells stand below 2 columns"),
        (b"id,address\nm\xe41,tcp://h\n", "m.csv: byte 12 is not UTF-8; save the file as UTF-8 text"),
    ],
)
def test_what_is_wrong_in_csv_is_said_with_its_place(listed, content, expected):
    with pytest.raises(ConfigError) as raised:
        listed("m.csv", content)

    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("id: m1\n", "m.yaml: the file holds no list; write `- id: …` for each meter"),
        ("- id: m1\n", "m.yaml, line 1: [0].address: this key is missing; add it"),
        ("- m1\n", "m.yaml, line 1: [0]: 'm1' is no mapping; write its keys below it"),
        (
            "- id: m1\n  address: tcp://h\n- id: m2\n  address: tcp://h\n  zone: Mars\n",
            "m.yaml, line 5: [1].zone: 'Mars' is no time zone; write a name like Europe/Vienna",
        ),
        (
            "- {id: m1, address: tcp://h}\n- {id: m2, address: tcp://h, network: n}\n",
            "m.yaml, line 2: [1].network: 'n' is no network; add it to `networks`",
        ),
    ],
)
def test_what_is_wrong_in_yaml_is_said_with_its_place(listed, content, expected):
    with pytest.raises(ConfigError) as raised:
        listed("m.yaml", content)

    assert expected in str(raised.value)
