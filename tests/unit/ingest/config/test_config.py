"""The configuration: what is read, and that each mistake gets one precise sentence."""

import json

import pytest

from ami_ingest.config.credentials import Credentials, read_credentials
from ami_ingest.config.file import load, missing_credentials
from ami_ingest.errors import ConfigError

pytestmark = pytest.mark.unit

WHOLE = """
agent: edge-1
kafka: {bootstrap: "localhost:9092"}
state_dir: agent-state
listen: [{transport: tcp, host: 127.0.0.1, port: 4059}, {transport: udp, port: 4060}]
idle_timeout_s: 12
meters:
  - id: meter-1
    address: "tcp://127.0.0.1:4061"
    authentication: lls
    secrets: secrets.json
    system_title: "4d4d4d0000000001"
    zone: Europe/Vienna
    every_s: 15
    read: ["3:1.0.1.8.0.255", "1.0.32.7.0.255", "8:0.0.1.0.0.255:2"]
    profiles: [{obis: 1.0.99.1.0.255, last: 24h}]
"""
SMALL = 'agent: edge-1\nkafka: {bootstrap: "localhost:9092"}\n'
METER = SMALL + 'meters: [{id: m1, address: "tcp://h:1"%s}]\n'


@pytest.fixture
def write(tmp_path):
    def write(text, secrets=None, mode=0o600):
        path = tmp_path / "dlms_config.yaml"
        path.write_text(text)
        if secrets is not None:
            file = tmp_path / "secrets.json"
            file.write_text(secrets if isinstance(secrets, str) else json.dumps(secrets))
            file.chmod(mode)
        return path

    return write


def test_a_whole_file_is_read(write, tmp_path):
    config = load(write(WHOLE, {"password": "secret"}))

    meter = config.meters[0]
    assert config.state_dir == tmp_path / "agent-state"
    assert [(listen.transport, listen.port) for listen in config.listen] == [("tcp", 4059), ("udp", 4060)]
    assert [str(target) for target in meter.schedules[0].read] == [
        "3:1.0.1.8.0.255:2",
        "1.0.32.7.0.255:2",
        "8:0.0.1.0.0.255:2",
    ]
    assert meter.schedules[0].profiles[0].obis == bytes((1, 0, 99, 1, 0, 255))
    assert meter.schedules[0].profiles[0].last == 86400
    assert meter.credentials.password == b"secret"
    assert meter.system_title == bytes.fromhex("4d4d4d0000000001")


def test_both_transports_on_the_registered_port_are_the_default(write):
    config = load(write(SMALL))

    assert [(listen.transport, listen.port) for listen in config.listen] == [("tcp", 4059), ("udp", 4059)]


def test_the_command_line_names_another_kafka(write):
    assert load(write("agent: edge-1\n"), bootstrap="other:9092").kafka.bootstrap == "other:9092"


def test_no_secret_is_shown(write):
    config = load(write(WHOLE, {"password": "hunter2", "guek": "00" * 15 + "aa", "gak": "bb" * 16}))

    shown = repr(config) + str(config) + repr(config.meters[0].credentials)
    assert "hunter2" not in shown
    assert repr(bytes.fromhex("bb" * 16)) not in shown


MISTAKES = [
    ("agent: [\n", "line 2, column 1 is not valid YAML"),
    ("", "must hold keys"),
    ("- a\n", "must hold keys"),
    ("agent: a\nagent: b\n", "line 2, column 1 is not valid YAML (key 'agent' stands twice)"),
    ("kafka: {bootstrap: x}\n", "agent: this key is missing; add it"),
    ("agent: a\n", "kafka: this key is missing; add it"),
    ("agent: a\nkafka: {}\n", "kafka.bootstrap: this key is missing; add it"),
    ("agent: a b\nkafka: {bootstrap: x}\n", "agent: 'a b' is no name; use letters"),
    (SMALL + "listn: []\n", "listn: unknown key; did you mean 'listen'?"),
    (SMALL + "colour: red\n", "colour: unknown key; remove it"),
    (SMALL + "idle_timeout_s: soon\n", "idle_timeout_s: 'soon' must be a valid number; correct the value"),
    (SMALL + "idle_timeout_s: 0\n", "idle_timeout_s: '0' must be greater than 0; correct the value"),
    (
        SMALL + "listen: [{transport: smoke}]\n",
        "listen[0].transport: 'smoke' is not known; write one of 'tcp' or 'udp'",
    ),
    (
        SMALL + "listen: [{transport: tcp, port: 70000}]\n",
        "listen[0].port: '70000' must be less than or equal to 65535",
    ),
    (SMALL + "listen: tcp\n", "listen: 'tcp' must be a valid tuple"),
    (SMALL + "spool: {max_mb: 0}\n", "spool.max_mb: '0' must be greater than or equal to 1"),
    (SMALL + "poll: {concurency: 3}\n", "poll.concurency: unknown key; did you mean 'concurrency'?"),
    (SMALL + "meters: [{id: m1}]\n", "meters[0].address: this key is missing; add it"),
    (SMALL + 'meters: [{id: m1, address: "foo"}]\n', "meters[0].address: 'foo' is no endpoint; write tcp://HOST:PORT"),
    (
        SMALL + 'meters: [{id: m1, address: "serial://dev/ttyUSB0"}]\n',
        "names no serial port; write serial:///dev/ttyUSB0",
    ),
    (SMALL + 'meters: [{id: m1, address: "tcp://h:99999"}]\n', "has no valid host and port"),
    (SMALL + 'meters: [{id: m1, adress: "tcp://h:1"}]\n', "meters[0].address: this key is missing; add it"),
    (METER % ", clientaddress: 16", "meters[0].clientaddress: unknown key; did you mean 'client_address'?"),
    (METER % ", password: hunter2", "meters[0].password: unknown key; secrets go into the secrets file"),
    (METER % ", client_address: 0", "meters[0].client_address: '0' must be greater than or equal to 1"),
    (METER % ", authentication: md5", "meters[0].authentication: 'md5' is not known; write one of 'none', 'lls'"),
    (METER % ", authentication: lls", "meters[0].authentication: 'lls' needs password in a secrets file; name one"),
    (METER % ", system_title: 4d4d", "meters[0].system_title: '4d4d' is no system title; write 16 hexadecimal digits"),
    (METER % ", zone: Mars/North", "meters[0].zone: 'Mars/North' is no time zone; write a name like Europe/Vienna"),
    (METER % ', read: ["1.8"]', "meters[0].read[0]: '1.8' names no object to read; write 1.0.1.8.0.255"),
    (METER % ", profiles: [{obis: 1.0.99.1.0.255, last: long}]", "profiles[0].last: 'long' is no time span; write"),
    (METER % ", security_suite: 3", "meters[0].security_suite: '3' must be less than or equal to 2"),
    (METER % ", secrets: nowhere.json", "nowhere.json: the secrets file cannot be read (No such file or directory)"),
    (
        SMALL + 'meters: [{id: m1, address: "tcp://h:1"}, {id: m1, address: "tcp://h:2"}]\n',
        "meters[0] and meters[1] have the same id 'm1'; rename one",
    ),
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_gets_one_sentence_with_file_key_and_remedy(write, text, expected):
    path = write(text)

    with pytest.raises(ConfigError) as raised:
        load(path)

    sentence = str(raised.value)
    assert expected in sentence
    assert "dlms_config.yaml" in sentence or "nowhere.json" in sentence
    assert "\n" not in sentence
    assert "hunter2" not in sentence


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be read \(No such file or directory\); give its path with --config"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ("{", "line 1 is not JSON"),
        ("[]", "must be a JSON object"),
        ('{"pasword": "hunter2"}', "unknown key 'pasword'"),
        ('{"password": 7}', "password must be text"),
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


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_secrets_file_that_others_may_read_is_refused(write, tmp_path, mode):
    write("", {"password": "x"}, mode)

    with pytest.raises(ConfigError, match="chmod 600"):
        read_credentials(tmp_path / "secrets.json")


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
    assert missing_credentials(authentication, credentials) == missing
