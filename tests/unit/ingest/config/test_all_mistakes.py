"""A configuration with several mistakes: all of them are said at once, each once."""

import json

import pytest

from ami_ingest.config.file import load
from ami_ingest.errors import ConfigError

pytestmark = pytest.mark.unit

SMALL = 'agent: edge-1\nkafka: {bootstrap: "localhost:9092"}\n'


@pytest.fixture
def mistakes(tmp_path):
    """The mistakes of a configuration and an inventory, without the folder's path."""

    def mistakes(text, inventory=None, environ=None):
        if inventory is not None:
            (tmp_path / "m.csv").write_text(inventory)
        path = tmp_path / "dlms_config.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError) as raised:
            load(path, environ=environ or {})
        assert str(raised.value) == raised.value.mistakes[0]
        assert all(";" in sentence and "\n" not in sentence for sentence in raised.value.mistakes)
        return [sentence.replace(f"{tmp_path}/", "") for sentence in raised.value.mistakes]

    return mistakes


def begins(sentences, expected):
    assert len(sentences) == len(expected), sentences
    for sentence, beginning in zip(sentences, expected, strict=True):
        assert sentence.startswith(beginning)


def test_each_wrong_key_in_the_order_of_the_lines(mistakes):
    text = """\
colour: red
agent: 7
kafka: {compression: zip}
push: {idle_timeout: soon, max_connections: 0}
listen:
  - {transport: smoke, port: 70000}
  - {transport: udp, role: call-in}
meters:
  - {id: m1, adress: "tcp://h:1"}
  - {id: m 2, address: h}
"""
    begins(
        mistakes(text),
        [
            "dlms_config.yaml, line 1: colour: unknown key",
            "dlms_config.yaml, line 2: agent: '7' is no text",
            "dlms_config.yaml, line 3: kafka.bootstrap: this key is missing",
            "dlms_config.yaml, line 3: kafka.compression: 'zip' is not known",
            "dlms_config.yaml, line 4: push.idle_timeout: 'soon' is no time span",
            "dlms_config.yaml, line 4: push.max_connections: '0' is out of range",
            "dlms_config.yaml, line 6: listen[0].transport: 'smoke' is not known",
            "dlms_config.yaml, line 6: listen[0].port: '70000' is out of range",
            "dlms_config.yaml, line 7: listen[1]: meters call in over tcp only",
            "dlms_config.yaml, line 9: meters[0].address: this key is missing",
            "dlms_config.yaml, line 9: meters[0].adress: unknown key; did you mean 'address'?",
            "dlms_config.yaml, line 10: meters[1].id: 'm 2' is no name",
            "dlms_config.yaml, line 10: meters[1].address: 'h' is no endpoint",
        ],
    )


def test_what_does_not_fit_together_in_all_sections_and_lists(mistakes):
    text = (
        SMALL
        + """\
control: /%s/control.sock
listen:
  - {transport: tcp, tls: {certificate: a.pem, private_key: a.key, trust: ca.pem}}
  - {transport: tcp}
networks: {apn: {link: celular}}
links: {cellular: {retries: 1}}
schedules: {hourly: {every: 1h, read: [1.0.1.8.0.255]}}
groups:
  north: {link: celular, network: apm, schedules: [hourly, dayly]}
  south: {authentication_level: lls, mechanism: md5}
inventory: {file: m.csv}
meters:
  - {id: m1, address: "tcp://h:1", group: north}
  - {id: m2, address: "tcp://h:1", group: nort, link: celular}
  - {id: m3, address: "tcp://h:1", authentication_level: lls, tls: {trust: none.pem}}
"""
        % ("x" * 120)
    )
    inventory = "id,address,group,schedules,retries\nm1,tcp://h,,,\nm5,tcp://h,,dayly,\nm6,h,,,few\nm7,tcp://h\n"

    begins(
        mistakes(text, inventory),
        [
            "dlms_config.yaml, line 3: control: ",
            "dlms_config.yaml, line 5: listen[0].tls.certificate: a.pem cannot be read",
            "dlms_config.yaml, line 5: listen[0].tls.private_key: a.key cannot be read",
            "dlms_config.yaml, line 5: listen[0].tls.trust: ca.pem cannot be read",
            "dlms_config.yaml, line 6: listen[1]: listen[0] opens the same socket",
            "dlms_config.yaml, line 7: networks.apn.link: 'celular' is no kind of link",
            "dlms_config.yaml, line 8: links.cellular: 'cellular' is built in",
            "dlms_config.yaml, line 11: groups.north.link: 'celular' is no kind of link",
            "dlms_config.yaml, line 11: groups.north.network: 'apm' is no network; did you mean 'apn'?",
            "dlms_config.yaml, line 11: groups.north.schedules[1]: 'dayly' is no schedule",
            "dlms_config.yaml, line 12: groups.south.mechanism: a mechanism needs authentication_level: hls",
            "m.csv, line 4, column retries: 'few' is no whole number",
            "m.csv, line 4, column address: 'h' is no endpoint",
            "m.csv, line 5: 2 cells stand below 5 columns",
            "dlms_config.yaml, line 16: meters[1].link: 'celular' is no kind of link",
            "dlms_config.yaml, line 16: meters[1].group: 'nort' is no group; did you mean 'north'?",
            "dlms_config.yaml, line 17: meters[2].authentication_level: 'lls' needs password",
            "dlms_config.yaml, line 17: meters[2].tls.trust: none.pem cannot be read",
            "m.csv, line 2, column id: 'm1' is the id of the meter at ",
            "m.csv, line 3, column schedules: 'dayly' is no schedule",
        ],
    )


def test_what_many_meters_have_of_their_group_is_one_mistake(mistakes):
    text = SMALL + "inventory: {file: m.csv}\ngroups: {g: {authentication_level: lls, secrets: none.json}}\n"
    rows = [f"m{number},tcp://h,g,\n" for number in range(50)]

    begins(
        mistakes(text, "id,address,group,secrets\n" + "".join(rows) + "x,tcp://h,g,none.json\ny,tcp://h,g,none.json\n"),
        [
            "m.csv, line 2, column secrets: none.json: the secrets file cannot be read",
            "m.csv, line 52, column secrets: none.json: the secrets file cannot be read",
            "m.csv, line 53, column secrets: none.json: the secrets file cannot be read",
        ],
    )


def test_each_meter_whose_own_secrets_file_is_wrong(mistakes, tmp_path):
    for name in ("m1", "m2", "m3"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"password": "hunter2"}))
    (tmp_path / "m2.json").chmod(0o600)
    text = SMALL + "inventory: {file: m.csv}\ndefaults: {authentication_level: lls, secrets: '{id}.json'}\n"

    found = mistakes(text, "id,address\nm1,tcp://h\nm2,tcp://h\nm3,tcp://h\nm4,tcp://h\n")
    assert [sentence.split(":")[1].strip() for sentence in found] == ["m1.json", "m3.json", "m4.json"]


def test_each_wrong_variable_and_each_wrong_key(mistakes):
    environ = {"AMI_COLLECT__POLL__CONCURENCY": "1", "AMI_COLLECT__COLOUR": "red", "AMI_COLLECT__SPOOL__MAX_MB": "0"}

    begins(
        mistakes("agent: a b\n", environ=environ),
        [
            "AMI_COLLECT__POLL__CONCURENCY: there is no such key",
            "AMI_COLLECT__COLOUR: there is no such key",
            "AMI_COLLECT__SPOOL__MAX_MB: '0' is out of range",
            "dlms_config.yaml, line 1: agent: 'a b' is no name",
            "dlms_config.yaml, line 1: kafka: this key is missing",
        ],
    )


def test_each_wrong_column_of_a_heading(mistakes):
    begins(
        mistakes(SMALL + "inventory: {file: m.csv}\n", "id,adress,zone,zone,colour\nm1,tcp://h\n"),
        [
            "m.csv, line 1, column adress: there is no such column; did you mean 'address'?",
            "m.csv, line 1, column zone: this column stands twice",
            "m.csv, line 1, column colour: there is no such column",
            "m.csv, line 1: the heading lacks the column address",
        ],
    )
