"""The configuration: what is read, and that each mistake gets one precise sentence."""

import json
import textwrap
from zoneinfo import ZoneInfo

import pytest

from ami_dlms.client import Authentication
from ami_dlms.security import Protection
from ami_ingest.config.credentials import Credentials, missing_credentials, read_credentials
from ami_ingest.config.file import load
from ami_ingest.config.model import ClockPolicy, Listen, Logs, Network, Push, SignalPolicy, Spool, Tls
from ami_ingest.config.values import span
from ami_ingest.errors import ConfigError
from ami_ingest.transport.profiles import BUILT_IN
from ami_keys.keystore import add_kek

pytestmark = pytest.mark.unit

TITLE = "4d4d4d0000000001"
OURS = "414d490000000001"
KEYS = {"guek": "00" * 16, "gak": "11" * 16}
WHOLE = """
agent: edge-7
kafka: {bootstrap: "localhost:9092", compression: lz4}
state_dir: agent-state
control: run/control.sock
observe: "127.0.0.1:9465"
logs: {folder: /var/log/ami, max_mb: 20, keep: 3, level: debug}
listen:
  - {transport: tcp, host: 127.0.0.1, port: 4059}
  - {transport: udp, port: 4060}
  - {transport: tcp, port: 4061, role: call-in, tls: {certificate: a.pem, private_key: a.key}}
push:
  {idle_timeout: 12s, max_connections: 20, max_connections_per_peer: 2, max_bytes_per_s_per_peer: 5000, unknown: refuse}
spool: {max_mb: 7, max_age: 14d, when_full: drop-oldest}
poll: {concurrency: 9, connections_per_s: 2.5}
networks:
  apn-1: {concurrency: 200, connections_per_s: 20, link: my-cell}
  cell-2: {link: my-cell}
links: {my-cell: {like: cellular, request_timeout: 25s, keep_open: 1m}}
schedules:
  hourly: {every: 1h, jitter: 5m, deadline: 30m, read: ["3:1.0.1.8.0.255", "1.0.32.7.0.255", "8:0.0.1.0.0.255:2"]}
  daily: {every: 24h, active: false, profiles: [{obis: 1.0.99.1.0.255, last: 7d}]}
defaults: {zone: Europe/Vienna, schedules: [hourly, daily], network: apn-1, clock: {warn_over: 30s},
  signal: {warn_under: -99}}
groups:
  north: {authentication_level: lls, secrets: "secrets/{id}.json", retries: 7, client_address: 2, clock: {set_over: 5m}}
meters:
  - {id: meter-1, address: "tcp://127.0.0.1:4061", group: north, system_title: "4d4d4d0000000001",
     request_timeout: 500ms}
  - {id: meter-2, address: "hdlc+tcp://127.0.0.1:4062", zone: null, network: cell-2, schedules: [daily],
     push_from: 10.0.0.9, physical_device_id: 17}
"""
SMALL = 'agent: edge-1\nkafka: {bootstrap: "localhost:9092"}\n'
METER = SMALL + 'meters: [{id: m1, address: "tcp://h:1"%s}]\n'


@pytest.fixture
def write(tmp_path):
    def write(text, secrets=None, mode=0o600, name="secrets.json"):
        path = tmp_path / "dlms_config.yaml"
        path.write_text(text)
        if secrets is not None:
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(secrets if isinstance(secrets, str) else json.dumps(secrets))
            file.chmod(mode)
        return path

    return write


def refusal(path, **more):
    with pytest.raises(ConfigError) as raised:
        load(path, **more)
    return str(raised.value)


def test_a_whole_file_is_read(write, tmp_path):
    (tmp_path / "a.pem").touch()
    (tmp_path / "a.key").touch(mode=0o600)
    config = load(write(WHOLE, {"password": "secret"}, name="secrets/meter-1.json"))

    assert (config.agent, config.kafka.bootstrap, config.kafka.compression) == ("edge-7", "localhost:9092", "lz4")
    assert config.state_dir == tmp_path / "agent-state"
    assert config.control == tmp_path / "run" / "control.sock"
    assert config.observe == "127.0.0.1:9465"
    assert (config.logs.folder.as_posix(), config.logs.max_mb, config.logs.keep) == ("/var/log/ami", 20, 3)
    assert config.logs.level == "debug"
    assert config.listen == (
        Listen("tcp", "127.0.0.1"),
        Listen("udp", port=4060),
        Listen("tcp", port=4061, tls=Tls(tmp_path / "a.pem", tmp_path / "a.key"), role="call-in"),
    )
    assert config.push == Push(12.0, 20, 2, "refuse", 5000.0)
    assert config.spool == Spool(7, 14 * 86400.0, "drop-oldest")
    assert (config.poll.concurrency, config.poll.connections_per_s) == (9, 2.5)
    assert len(config.meters) == 2


def test_a_meter_says_more_than_its_group_and_that_more_than_the_defaults(write, tmp_path):
    (tmp_path / "a.pem").touch()
    (tmp_path / "a.key").touch(mode=0o600)
    first, second = load(write(WHOLE, {"password": "secret"}, name="secrets/meter-1.json")).meters

    assert (first.group, first.client_address, first.authentication) == ("north", 2, Authentication.LLS)
    assert first.credentials.password == b"secret"
    assert first.system_title == bytes.fromhex(TITLE)
    assert first.clock == ClockPolicy(30.0, 300.0)
    assert first.signal is second.signal
    assert first.signal == SignalPolicy(-99)
    assert first.network == Network("apn-1", 200, 20.0)
    assert (first.link.name, first.link.request_timeout_s, first.link.retries) == ("my-cell", 0.5, 7)
    assert (first.link.keep_open_s, first.link.connect_timeout_s) == (60.0, BUILT_IN["cellular"].connect_timeout_s)
    hourly, daily = first.schedules
    assert [str(target) for target in hourly.read] == ["3:1.0.1.8.0.255:2", "1.0.32.7.0.255:2", "8:0.0.1.0.0.255:2"]
    assert (hourly.every_s, hourly.jitter_s, hourly.deadline_s, hourly.active) == (3600.0, 300.0, 1800.0, True)
    assert (daily.profiles[0].obis, daily.profiles[0].last, daily.active) == (
        bytes((1, 0, 99, 1, 0, 255)),
        7 * 86400,
        False,
    )

    assert (second.group, second.client_address, second.authentication) == ("default", 16, Authentication.NONE)
    assert (second.zone, first.zone) == (None, ZoneInfo("Europe/Vienna"))
    assert second.network == Network("cell-2", BUILT_IN["cellular"].cell_concurrency)
    assert second.schedules == (daily,)
    assert (second.link.name, second.link.request_timeout_s) == ("my-cell", 25.0)
    assert (second.push_from, second.physical_device_id) == ("10.0.0.9", 17)


def test_a_meter_that_names_no_link_has_the_one_of_its_address(write):
    config = load(
        write(
            SMALL
            + "networks: {n: {link: prime}}\nmeters:\n- {id: a, address: 'serial:///dev/ttyUSB0', retries: 9}\n"
            + "- {id: b, address: 'call-in://'}\n- {id: c, address: 'serial:///dev/ttyUSB0', network: n}\n"
        )
    )

    assert [meter.link.name for meter in config.meters] == ["serial", "ethernet", "prime"]
    assert config.meters[0].link.retries == 9


def test_meters_share_what_they_have_in_common(write):
    config = load(
        write(
            SMALL
            + "networks: {n: {}}\nschedules: {s: {every: 1h, read: [1.0.1.8.0.255]}}\n"
            + "defaults: {network: n, schedules: [s], retries: 4, zone: Europe/Vienna, clock: {set_over: 9s}}\n"
            + 'meters: [{id: a, address: "tcp://h:1"}, {id: b, address: "tcp://h:1", retries: 4, schedules: [s]}]\n'
        )
    )
    first, second = config.meters

    for name in ("network", "schedules", "link", "zone", "clock", "credentials"):
        assert getattr(first, name) is getattr(second, name), name


def test_what_is_not_said_has_a_default(write):
    config = load(write(SMALL))

    assert config.listen == (Listen("tcp"), Listen("udp"))
    assert config.state_dir.as_posix() == "/var/lib/ami-gateway"
    assert (config.push, config.spool, config.logs) == (Push(), Spool(), Logs())
    assert (config.observe, config.control, config.meters) == (None, None, ())


@pytest.mark.parametrize(
    ("level", "mechanism", "secrets", "authentication"),
    [
        ("none", None, None, Authentication.NONE),
        ("lls", None, {"password": "x"}, Authentication.LLS),
        ("hls", None, KEYS, Authentication.HLS_GMAC),
        ("hls", "gmac", KEYS, Authentication.HLS_GMAC),
        ("hls", "md5", {"password": "x"}, Authentication.HLS_MD5),
        ("hls", "sha1", {"password": "x"}, Authentication.HLS_SHA1),
        ("hls", "sha256", {"password": "x"}, Authentication.HLS_SHA256),
        (
            "hls",
            "ecdsa",
            {**KEYS, "signing_key": "22" * 32, "server_signing_key": "33" * 64},
            Authentication.HLS_ECDSA,
        ),
    ],
)
def test_levels_and_mechanisms(write, level, mechanism, secrets, authentication):
    more = f", authentication_level: {level}, client_system_title: '{OURS}'"
    more += f", mechanism: {mechanism}" if mechanism else ""
    more += ", security_suite: 1" if mechanism == "ecdsa" else ""
    more += ", secrets: secrets.json" if secrets else ""
    (meter,) = load(write(METER % more, secrets)).meters

    assert meter.authentication is authentication
    assert meter.credentials.client_system_title == bytes.fromhex(OURS)


def test_the_secrets_file_states_our_system_title_before_the_settings(write):
    more = f", authentication_level: hls, client_system_title: '{OURS}', secrets: secrets.json"
    (meter,) = load(write(METER % more, {**KEYS, "client_system_title": TITLE})).meters

    assert meter.credentials.client_system_title == bytes.fromhex(TITLE)


def test_a_policy_protects_without_an_authentication(write):
    more = ", secrets: secrets.json, security_policy: encrypted"
    (meter,) = load(write(METER % more, {**KEYS, "client_system_title": OURS})).meters

    assert (meter.authentication, meter.security_policy) == (Authentication.NONE, Protection.ENCRYPTED)


def test_secrets_of_the_defaults_are_read_only_where_they_are_needed(write):
    (meter,) = load(write(METER % "" + "defaults: {secrets: 'secrets/{id}.json'}\n")).meters

    assert meter.credentials == Credentials()


def test_a_mechanism_of_the_defaults_is_nothing_to_a_meter_without_hls(write):
    (meter,) = load(write(METER % "" + "defaults: {mechanism: sha256}\n")).meters

    assert meter.authentication is Authentication.NONE


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("10s", 10), ("5m", 300), ("24h", 86400), ("7d", 604800), ("1.5h", 5400)]
)
def test_spans(text, seconds):
    assert span(text) == seconds


def test_the_command_line_names_another_kafka(write):
    assert load(write("agent: edge-1\n"), bootstrap="other:9092").kafka.bootstrap == "other:9092"


def test_no_secret_is_shown(write):
    more = f", authentication_level: lls, client_system_title: '{OURS}', secrets: secrets.json"
    config = load(write(METER % more, {"password": "hunter2", "guek": "00" * 15 + "aa", "gak": "bb" * 16}))

    shown = repr(config) + str(config) + repr(config.meters[0].credentials)
    assert "hunter2" not in shown
    assert repr(bytes.fromhex("bb" * 16)) not in shown


def test_the_environment_goes_before_the_file(write):
    environ = {
        "AMI_COLLECT__AGENT": "7",
        "AMI_COLLECT__POLL__CONCURRENCY": "200",
        "AMI_COLLECT__POLL__CONNECTIONS_PER_S": "0.5",
        "AMI_COLLECT__PUSH__IDLE_TIMEOUT": "5m",
        "AMI_COLLECT__DEFAULTS__CLOCK__SET_OVER": "10s",
        "AMI_COLLECT__STATE_DIR": "/run/state",
        "OTHER": "x",
    }
    config = load(write(METER % "" + "poll: {concurrency: 3}\n"), environ=environ)

    assert (config.agent, config.state_dir.as_posix()) == ("7", "/run/state")
    assert (config.poll.concurrency, config.poll.connections_per_s) == (200, 0.5)
    assert config.push.idle_timeout_s == 300.0
    assert config.meters[0].clock.set_over_s == 10.0


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "AMI_COLLECT__POLL__CONCURENCY",
            "1",
            "AMI_COLLECT__POLL__CONCURENCY: there is no such key; did you mean 'AMI_COLLECT__POLL__CONCURRENCY'?",
        ),
        ("AMI_COLLECT__METERS", "[]", "AMI_COLLECT__METERS: there is no such key; "),
        (
            "AMI_COLLECT__POLL__CONCURRENCY",
            "many",
            "AMI_COLLECT__POLL__CONCURRENCY: 'many' is no whole number; correct it",
        ),
        (
            "AMI_COLLECT__SPOOL__WHEN_FULL",
            "burn",
            "AMI_COLLECT__SPOOL__WHEN_FULL: 'burn' is not known; write one of 'wait' or 'drop-oldest'",
        ),
        ("AMI_COLLECT__DEFAULTS__LINK", "string", "AMI_COLLECT__DEFAULTS__LINK: 'string' is no kind of link; "),
    ],
)
def test_a_mistake_of_the_environment_names_the_variable(write, name, value, expected):
    assert refusal(write(SMALL), environ={name: value}).startswith(expected)


MISTAKES = [
    ("agent: [\n", "line 2, column 1 is not valid YAML"),
    ("", "must hold keys"),
    ("- a\n", "must hold keys"),
    ("agent: a\nagent: b\n", "line 2, column 1 is not valid YAML (key 'agent' stands twice)"),
    ("kafka: {bootstrap: x}\n", "line 1: agent: this key is missing; add it"),
    ("agent: a\n", "line 1: kafka: this key is missing; add it"),
    ("agent: a\nkafka: {}\n", "line 2: kafka.bootstrap: this key is missing; add it"),
    ("agent: a b\nkafka: {bootstrap: x}\n", "line 1: agent: 'a b' is no name; use letters"),
    ("agent: 7\nkafka: {bootstrap: x}\n", "line 1: agent: '7' is no text; put it in quotes"),
    ("agent: a\nkafka: x\n", "line 2: kafka: 'x' is no mapping; write its keys below it"),
    ("agent: a\nkafka: {bootstrap: ''}\n", "line 2: kafka.bootstrap: '' is empty; write something"),
    (
        "agent: a\nkafka:\n  bootstrap: x\n  compression: zip\n",
        "line 4: kafka.compression: 'zip' is not known; write one of 'none', 'lz4' or 'zstd'",
    ),
    (SMALL + "listn: []\n", "line 3: listn: unknown key; did you mean 'listen'?"),
    (SMALL + "colour: red\n", "line 3: colour: unknown key; remove it"),
    (
        SMALL + "push: {idle_timeout: soon}\n",
        "line 3: push.idle_timeout: 'soon' is no time span; write for example 500ms",
    ),
    (SMALL + "push: {idle_timeout: 30}\n", "push.idle_timeout: '30' is no time span; write for example 500ms"),
    (SMALL + "push: {idle_timeout: 0s}\n", "push.idle_timeout: '0s' is out of range; write 1ms to 1d"),
    (SMALL + "push: {unknown: maybe}\n", "push.unknown: 'maybe' is not known; write one of 'accept' or 'refuse'"),
    (SMALL + "push: {max_connections: 1.5}\n", "push.max_connections: '1.5' is no whole number; correct it"),
    (
        SMALL + "listen: [{transport: smoke}]\n",
        "listen[0].transport: 'smoke' is not known; write one of 'tcp' or 'udp'",
    ),
    (
        SMALL + "listen: [{transport: tcp, port: 70000}]\n",
        "listen[0].port: '70000' is out of range; write at most 65535",
    ),
    (SMALL + "listen: tcp\n", "listen: 'tcp' is no list; write each entry on a line with `- ` before it"),
    (SMALL + "listen: [{transport: udp, role: call-in}]\n", "listen[0]: meters call in over tcp only; write"),
    (
        SMALL + "listen: [{transport: tcp, tls: {certificate: a}}]\n",
        "listen[0].tls: certificate and private_key belong together; give both or neither",
    ),
    (
        SMALL + "listen: [{transport: tcp, tls: {certificate: a, private_key: b}}]\n",
        "/a cannot be read (No such file or directory); correct the path",
    ),
    (
        SMALL + "listen:\n- transport: tcp\n- transport: tcp\n",
        "line 5: listen[1]: listen[0] opens the same socket; remove",
    ),
    (SMALL + "spool: {max_mb: 0}\n", "spool.max_mb: '0' is out of range; write at least 1"),
    (SMALL + "spool: {max_age: for ever}\n", "spool.max_age: 'for ever' is no time span"),
    (SMALL + "poll: {concurency: 3}\n", "poll.concurency: unknown key; did you mean 'concurrency'?"),
    (SMALL + "observe: here\n", "observe: 'here' is no place to serve at; write PORT, HOST:PORT or unix:/PATH"),
    (SMALL + "observe: 9465\n", "observe: '9465' is no text; write it in quotes"),
    (SMALL + f"state_dir: {'x' * 120}\n", "state_dir: "),
    (SMALL + f"control: {'x' * 120}\n", "is longer than the 107 octets of a socket's path; write a shorter one"),
    (SMALL + "logs: {level: loud}\n", "logs.level: 'loud' is not known; write one of 'debug', 'info'"),
    (SMALL + "networks: {n: {concurrency: 0}}\n", "networks.n.concurrency: '0' is out of range; write at least 1"),
    (SMALL + "networks: {n n: {}}\n", "networks.n n: 'n n' is no name; use letters"),
    (
        SMALL + "networks: {n: {link: cellullar}}\n",
        "networks.n.link: 'cellullar' is no kind of link; did you mean 'cellular'?",
    ),
    (
        SMALL + "links: {l: {like: string}}\n",
        "links.l.like: 'string' is not known; write one of 'ethernet', 'cellular'",
    ),
    (SMALL + "links: {cellular: {}}\n", "links.cellular: 'cellular' is built in; give yours another name"),
    (SMALL + "links: {l: {retrys: 3}}\n", "links.l.retrys: unknown key; did you mean 'retries'?"),
    (SMALL + "schedules: {s: {every: 1h}}\n", "schedules.s: it reads nothing; give it `read` or `profiles`"),
    (SMALL + "schedules: {s: {read: [1.0.1.8.0.255]}}\n", "schedules.s.every: this key is missing; add it"),
    (
        SMALL + "schedules: {s: {every: 1h, deadline: 2h, read: [1.0.1.8.0.255]}}\n",
        "schedules.s: the deadline lies after the next turn; write at most what `every` says",
    ),
    (
        SMALL + "schedules: {s: {every: 1h, jitter: 1h, read: [1.0.1.8.0.255]}}\n",
        "schedules.s: the jitter leaves no time before the deadline",
    ),
    (
        SMALL + "schedules:\n  s:\n    every: 1h\n    read:\n    - 1.0.1.8.0.255\n    - '1.8'\n",
        "line 8: schedules.s.read[1]: '1.8' names no object to read; write 1.0.1.8.0.255",
    ),
    (
        SMALL + "schedules: {s: {every: 1h, profiles: [{obis: 1.0.99.1.0.255, last: long}]}}\n",
        "schedules.s.profiles[0].last: 'long' is no time span; write",
    ),
    (SMALL + "schedules: {s: {every: 1h, jitterr: 1s}}\n", "schedules.s.jitterr: unknown key; did you mean 'jitter'?"),
    (SMALL + "defaults: {network: n}\n", "defaults.network: 'n' is no network; add it to `networks`"),
    (SMALL + "defaults: {adress: x}\n", "defaults.adress: unknown key; "),
    (
        SMALL + "groups: {g: {schedules: [daily]}}\n",
        "groups.g.schedules[0]: 'daily' is no schedule; add it to `schedules`",
    ),
    (
        SMALL + "groups: {g: {authentication_level: lls, mechanism: gmac}}\n",
        "groups.g.mechanism: a mechanism needs authentication_level: hls; write that or remove this",
    ),
    (SMALL + "inventory: {}\n", "inventory: it names no inventory; write file: PATH, topic: true or both"),
    (SMALL + "inventory: {topic: maybe}\n", "inventory.topic: 'maybe' is neither true nor false; write one of them"),
    (SMALL + "inventory: {file: none.csv}\n", "none.csv: the inventory cannot be read (No such file or directory)"),
    (SMALL + "meters: [{id: m1}]\n", "meters[0].address: this key is missing; add it"),
    (SMALL + 'meters: [{id: m1, address: "foo"}]\n', "meters[0].address: 'foo' is no endpoint; write tcp://HOST:PORT"),
    (SMALL + 'meters: [{id: m1, address: "tcp://h:99999"}]\n', "has no valid host and port"),
    (
        SMALL + 'meters: [{id: m1, address: "serial://dev/ttyUSB0"}]\n',
        "names no serial port; write serial:///dev/ttyUSB0",
    ),
    (SMALL + 'meters: [{id: m1, adress: "tcp://h:1"}]\n', "meters[0].address: this key is missing; add it"),
    (METER % ", clientaddress: 16", "meters[0].clientaddress: unknown key; did you mean 'client_address'?"),
    (METER % ", password: hunter2", "meters[0].password: unknown key; secrets go into the secrets file"),
    (METER % ", client_address: 0", "meters[0].client_address: '0' is out of range; write at least 1"),
    (
        METER % ", authentication_level: md5",
        "meters[0].authentication_level: 'md5' is not known; write one of 'none', 'lls' or 'hls'",
    ),
    (
        METER % ", authentication_level: lls",
        "meters[0].authentication_level: 'lls' needs password; name one with `secrets`",
    ),
    (
        METER % ", mechanism: md5",
        "meters[0].mechanism: a mechanism needs authentication_level: hls; add that or remove",
    ),
    (METER % ", system_title: 4d4d", "meters[0].system_title: '4d4d' is no system title; write 16 hexadecimal digits"),
    (METER % ", zone: Mars/North", "meters[0].zone: 'Mars/North' is no time zone; write a name like Europe/Vienna"),
    (METER % ", security_suite: 3", "meters[0].security_suite: '3' is not known; write one of 0, 1 or 2"),
    (METER % ", secrets: nowhere.json", "nowhere.json: the secrets file cannot be read (No such file or directory)"),
    (METER % ", group: south", "meters[0].group: 'south' is no group; add it to `groups`"),
    (METER % ", link: celular", "meters[0].link: 'celular' is no kind of link; did you mean 'cellular'?"),
    (METER % ", signal: {warn_under: -200}", "meters[0].signal.warn_under: '-200'"),
    (METER % ", clock: {set_over: 1}", "meters[0].clock.set_over: '1' is no time span"),
    (METER % ", retries: -1", "meters[0].retries: '-1' is out of range; write at least 0"),
    (METER % ", request_timeout: 1h", "meters[0].request_timeout: '1h' is out of range; write 10ms to 10m"),
    (
        SMALL + 'meters:\n- {id: m1, address: "tcp://h:1"}\n- {id: m1, address: "tcp://h:2"}\n',
        "line 5: meters[1].id: 'm1' is the id of the meter at",
    ),
    (
        SMALL
        + 'meters: [{id: m1, address: "tcp://h:1", push_from: a}, {id: m2, address: "tcp://h:2", push_from: a}]\n',
        "meters[1].push_from: 'm1' pushes from a too, so that the address identifies neither; leave it out of both",
    ),
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_gets_one_sentence_with_file_key_and_remedy(write, text, expected):
    sentence = refusal(write(text))

    assert expected in sentence
    assert "dlms_config.yaml" in sentence or "none.csv" in sentence
    assert "\n" not in sentence
    assert ";" in sentence, "it says what to do"
    assert "hunter2" not in sentence


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be read \(No such file or directory\); give its path with --config"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("more", "secrets", "expected"),
    [
        ("authentication_level: hls", {"guek": "00" * 16}, "'hls with gmac' needs gak; add it to "),
        ("authentication_level: hls", KEYS, "'hls with gmac' needs client_system_title; write `client_system_title`"),
        ("security_policy: authenticated", {}, "'none' needs guek; add it to "),
        (
            f"authentication_level: hls, security_suite: 2, client_system_title: '{OURS}'",
            KEYS,
            "security_suite: security suite 2 needs a guek of 32 octets, and this one has 16; correct",
        ),
        (
            f"authentication_level: hls, mechanism: ecdsa, client_system_title: '{OURS}'",
            {**KEYS, "signing_key": "22" * 32, "server_signing_key": "33" * 64},
            "security_suite: mechanism ecdsa needs security suite 1 or 2; correct",
        ),
        (
            f"authentication_level: hls, mechanism: ecdsa, security_suite: 1, client_system_title: '{OURS}'",
            {**KEYS, "signing_key": "22" * 48, "server_signing_key": "33" * 96},
            "security suite 1 needs a signing_key of 32 octets, and this one has 48; correct",
        ),
    ],
)
def test_secrets_that_do_not_fit_are_said_without_showing_them(write, more, secrets, expected):
    sentence = refusal(write(METER % f", secrets: secrets.json, {more}", secrets))

    assert expected in sentence
    assert "dlms_config.yaml, line 3: meters[0]." in sentence
    assert "2222" not in sentence


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ("{", "line 1 is not JSON"),
        ("[]", "must be a JSON object"),
        ('{"pasword": "hunter2"}', "unknown key 'pasword'"),
        ('{"password": 7}', "password must be text"),
        (r'{"password": "hunter2\ud800"}', "password holds half a character"),
        ("[" * 100_000, "nested too deep"),
        ('{"guek": "hunter2"}', "guek must be 32 or 64 hexadecimal digits"),
        ('{"gak": "00"}', "gak must be 32 or 64 hexadecimal digits"),
        ('{"client_system_title": 5}', "client_system_title must be 16 hexadecimal digits"),
    ],
)
def test_a_wrong_secrets_file_is_refused_without_showing_it(write, tmp_path, secrets, expected):
    write("", secrets)

    with pytest.raises(ConfigError, match=expected) as raised:
        read_credentials(tmp_path / "secrets.json")

    assert "hunter2" not in str(raised.value)


KEYED = {**KEYS, "client_system_title": OURS}
HLS = ", secrets: secrets.json, authentication_level: hls"


@pytest.fixture
def key_store(tmp_path):
    add_kek(tmp_path / "kek.json", "edge")
    return "key_store: kek.json\n"


def test_a_dedicated_key_is_inherited_and_taken_back(write, tmp_path, key_store):
    text = METER % f"{HLS}, dedicated_key: true"
    (meter,) = load(write(text + key_store, KEYED)).meters
    assert meter.dedicated_key
    (meter,) = load(write(METER % HLS + "defaults: {dedicated_key: true}\n" + key_store, KEYED)).meters
    assert meter.dedicated_key
    text = METER % f"{HLS}, dedicated_key: false" + "defaults: {dedicated_key: true}\n"
    (meter,) = load(write(text, KEYED)).meters
    assert not meter.dedicated_key
    more = ", secrets: secrets.json, security_policy: encrypted, dedicated_key: true"
    config = load(write(METER % more + key_store, KEYED))
    assert config.meters[0].dedicated_key
    assert config.key_store == tmp_path / "kek.json"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (", dedicated_key: true", "a dedicated key needs ciphering; write security_policy: authenticated-encrypted"),
        (
            ", authentication_level: lls, secrets: secrets.json, dedicated_key: true",
            "a dedicated key needs ciphering; write security_policy: authenticated-encrypted",
        ),
        (
            f"{HLS}, security_policy: none, dedicated_key: true",
            "a dedicated key needs ciphering; write security_policy: authenticated-encrypted",
        ),
        (
            f"{HLS}, security_policy: authenticated, dedicated_key: true",
            "with security_policy: authenticated the key would travel in clear; encrypt, or remove this",
        ),
    ],
)
def test_a_dedicated_key_that_would_protect_nothing_is_refused(write, key_store, more, expected):
    sentence = refusal(write(METER % more + key_store, {**KEYED, "password": "x"}))

    assert f"meters[0].dedicated_key: {expected}" in sentence


def test_a_dedicated_key_that_no_normalizer_could_open_is_refused(write):
    sentence = refusal(write(METER % f"{HLS}, dedicated_key: true", KEYED))

    assert "meters[0].dedicated_key: no normalizer could open what a dedicated key protects" in sentence
    assert "write key_store: FILE" in sentence


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        (None, 0, "kek.json cannot be read (No such file or directory)"),
        ("{}", 0o600, "kek.json is no KEK file"),
        ("{", 0o600, "kek.json is not JSON"),
        ('{"current": "a", "keks": {"a": "c0ffee"}}', 0o600, "the KEK a is not 64 hex digits"),
        ('{"current": "a", "keks": {"a": "c0ffee"}}', 0o640, "(mode 640); run: chmod 600"),
    ],
)
def test_a_key_store_that_cannot_be_used_is_refused_without_showing_it(write, tmp_path, text, mode, expected):
    if text is not None:
        (tmp_path / "kek.json").write_text(text)
        (tmp_path / "kek.json").chmod(mode)
    sentence = refusal(write(SMALL + "key_store: kek.json\n"))

    assert "dlms_config.yaml" in sentence
    assert "key_store: " in sentence
    assert expected in sentence
    assert "c0ffee" not in sentence


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_secrets_file_that_others_may_read_is_refused(write, mode):
    sentence = refusal(write(METER % ", secrets: secrets.json", {"password": "x"}, mode))

    assert "meters[0].secrets: " in sentence
    assert f"(mode {mode:03o}); run: chmod 600 " in sentence


def test_a_private_key_that_others_may_read_is_refused(write, tmp_path):
    (tmp_path / "a.pem").touch()
    (tmp_path / "a.key").touch(mode=0o644)
    text = SMALL + "listen: [{transport: tcp, tls: {certificate: a.pem, private_key: a.key}}]\n"

    assert "listen[0].tls.private_key: " in (sentence := refusal(write(text)))
    assert "run: chmod 600" in sentence


def test_a_stricter_mode_is_fine(write, tmp_path):
    write("", {"password": "x"}, 0o400)

    assert read_credentials(tmp_path / "secrets.json").password == b"x"


@pytest.mark.parametrize(
    ("authentication", "credentials", "missing"),
    [
        ("none", Credentials(), None),
        ("lls", Credentials(), "password"),
        ("lls", Credentials(password=b"x"), None),
        ("hls-gmac", Credentials(guek=b"k" * 16), "gak"),
        ("hls-sha1", Credentials(password=b"x"), None),
        ("hls-sha256", Credentials(password=b"x"), "client_system_title"),
        ("hls-ecdsa", Credentials(guek=b"k" * 16, gak=b"k" * 16, client_system_title=b"t" * 8), "signing_key"),
        ("hls-gmac", Credentials(guek=b"k" * 16, gak=b"k" * 16), "client_system_title"),
        ("hls-gmac", Credentials(guek=b"k" * 16, gak=b"k" * 16, client_system_title=b"t" * 8), None),
    ],
)
def test_what_an_authentication_needs(authentication, credentials, missing):
    assert missing_credentials(Authentication(authentication), None, credentials) == missing


@pytest.mark.parametrize(
    "text",
    ["? [a]\n: b\n", "1: 2\n", "agent: !!python/object:os.system x\n", "a: &a [*a]\n", "{}\n", "agent: 2026-99-99\n"],
)
def test_whatever_yaml_holds_is_a_sentence(write, text):
    assert "dlms_config.yaml" in refusal(write(text))


def test_a_file_that_is_no_text_is_said(tmp_path):
    path = tmp_path / "dlms_config.yaml"
    path.write_bytes(textwrap.dedent(SMALL).encode() + b"\xff")

    assert "is not UTF-8; save the file as UTF-8 text" in refusal(path)
