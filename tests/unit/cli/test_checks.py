"""Each check of `ami doctor` on machines that have, and have not, what it looks for."""

import os
import resource
import socket
import struct

import pytest

from ami_cli.checks import agent, clock, every, firewall, machine, serial, tls
from ami_cli.checks.finding import Level

pytestmark = pytest.mark.unit

OK, WARN, FAIL = Level.OK, Level.WARN, Level.FAIL


# -- serial ports -----------------------------------------------------------------------------------------------------


@pytest.fixture
def dev(tmp_path):
    (tmp_path / "serial" / "by-id").mkdir(parents=True)
    (tmp_path / "ttyUSB0").write_text("")
    (tmp_path / "ttyACM3").write_text("")
    (tmp_path / "serial" / "by-id" / "usb-FTDI_optical-head-if00").symlink_to("../../ttyUSB0")
    (tmp_path / "tty0").write_text("")
    return tmp_path


def test_serial_ports_that_may_be_used_are_told_by_the_name_of_their_adapter(dev):
    found = list(serial.serial_ports(dev, may_use=lambda _: True))
    assert [(one.level, one.name) for one in found] == [(OK, str(dev / "ttyACM3")), (OK, str(dev / "ttyUSB0"))]
    assert "usb-FTDI_optical-head-if00" in found[1].found


def test_a_port_of_a_group_that_we_are_not_in(dev):
    found = list(serial.serial_ports(dev, may_use=lambda _: False, group_of=lambda _: "dialout"))
    assert {one.level for one in found} == {WARN}
    assert "usermod -aG dialout" in found[0].remedy


def test_a_link_whose_adapter_is_gone(dev):
    (dev / "ttyUSB0").unlink()
    found = list(serial.serial_ports(dev, may_use=lambda _: True))
    assert [(one.level, one.found.split()[0]) for one in found] == [(OK, "may"), (WARN, "gone")]


def test_no_serial_port_is_no_fault(tmp_path):
    (found,) = serial.serial_ports(tmp_path)
    assert found.level is OK


# -- the clock --------------------------------------------------------------------------------------------------------

NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("kernel", "now", "level", "words"),
    [
        (clock.Kernel(True, 0.012), NOW, OK, "at most 12 ms"),
        (clock.Kernel(True, 4.0), NOW, WARN, "off by up to 4.0 s"),
        (clock.Kernel(False, 16.0), NOW, WARN, "not synchronised"),
        (clock.Kernel(True, 0.012), 300.0, FAIL, "1970-01-01"),
    ],
)
def test_a_clock(kernel, now, level, words):
    found = clock.clock(kernel, now)
    assert found.level is level
    assert words in found.found
    assert bool(found.remedy) is (level is not OK)


def test_a_kernel_that_does_not_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "adjtimex", lambda: None)
    mark = tmp_path / "synchronized"
    assert clock.clock(None, NOW, mark).level is WARN
    mark.write_text("")
    assert clock.clock(None, NOW, mark).level is OK


def test_what_the_kernel_says_of_its_clock():
    def timex(status):
        return struct.pack("@Illlli", 0, 1, 2, 16_000, 4, status) + bytes(200)

    assert clock.read_timex(timex(0x2001), 0) == clock.Kernel(True, 0.016)
    assert clock.read_timex(timex(0x0040), 0) == clock.Kernel(False, 0.016)
    assert clock.read_timex(timex(0x2001), 5) == clock.Kernel(False, 0.016)


def test_the_kernel_of_this_machine_answers_or_does_not():
    found = clock.adjtimex()
    assert found is None or found.error_s >= 0


# -- cryptography -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "tls13", "level"),
    [((3, 0, 0), True, OK), ((1, 1, 1), True, WARN), ((1, 1, 0), False, FAIL), ((3, 0, 0), False, FAIL)],
)
def test_openssl(number, tls13, level):
    assert tls.openssl("OpenSSL", number, tls13=tls13).level is level


def test_ciphers_are_tried(monkeypatch):
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec

    (found,) = tls.ciphers()
    assert (found.level, "P-384" in found.found) == (OK, True)

    generate = ec.generate_private_key

    def without(curve):
        if curve.name == "secp384r1":
            raise UnsupportedAlgorithm("not here")
        return generate(curve)

    monkeypatch.setattr(ec, "generate_private_key", without)
    (found,) = tls.ciphers()
    assert (found.level, found.found) == (FAIL, "P-384 do not work")


# -- the machine ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("five", "level"), [(2.0, OK), (3.1, WARN)])
def test_load_by_core(five, level):
    assert machine.load((0.0, five, 0.0), 2).level is level


def test_pressure(tmp_path):
    line = "{} avg10=0.00 avg60={} avg300=0.00 total=1\n"
    (tmp_path / "cpu").write_text(line.format("some", 51.0) + line.format("full", 0.0))
    (tmp_path / "io").write_text(line.format("some", 99.0) + line.format("full", 19.0))
    (tmp_path / "memory").write_text("nonsense\n")
    assert [(one.level, one.name) for one in machine.pressure(tmp_path)] == [
        (WARN, "cpu pressure"),
        (OK, "io pressure"),
    ]
    assert list(machine.pressure(tmp_path / "missing")) == []


@pytest.mark.parametrize(("times", "level"), [([0.001, 0.002, 0.3], OK), ([0.06, 0.07, 0.001], WARN)])
def test_speed_of_the_disk(tmp_path, times, level):
    assert machine.disk_speed(tmp_path / "not" / "yet", lambda _: times).level is level


def test_a_full_disk_names_what_says_which_one_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: machine.shutil._ntuple_diskusage(1, 1, 0))
    config = tmp_path / "dlms_config.yaml"
    config.write_text('agent: a\nkafka: {bootstrap: "127.0.0.1:1"}\nstate_dir: state\nlisten: []\n')
    monkeypatch.setattr(every.kafka, "kafka", lambda _: ())

    def remedy(path):
        (found,) = (one for one in every.checks(config=path) if one.name == "disk")
        return found.remedy

    assert remedy(config) == "free some space, or set state_dir to another disk"
    assert remedy(tmp_path / "missing.yaml") == "free some space, or set AMI_STATE to another disk"


def test_a_disk_that_cannot_be_written(tmp_path):
    def refuse(_folder):
        raise OSError(30, os.strerror(30))

    found = machine.disk_speed(tmp_path, refuse)
    assert found.level is WARN
    assert "Read-only file system" in found.found


def test_the_disk_of_this_machine_is_measured(tmp_path):
    assert "ms" in machine.disk_speed(tmp_path).found


@pytest.mark.parametrize(
    ("limits", "level"),
    [
        ((1024, 1024), FAIL),
        ((1024, 20_000), OK),
        ((20_000, 20_000), OK),
        ((1024, resource.RLIM_INFINITY), OK),
    ],
)
def test_files_that_may_be_open(limits, level):
    found = machine.files(15_000, limits)
    assert found.level is level
    assert ("LimitNOFILE=15200" in found.remedy) is (level is FAIL)


def test_the_buffer_of_datagrams(tmp_path):
    limit = tmp_path / "rmem_max"
    assert list(machine.receive_buffer(limit)) == []
    for size, level in ((212_992, WARN), (8 << 20, OK)):
        limit.write_text(f"{size}\n")
        (found,) = machine.receive_buffer(limit)
        assert found.level is level


# -- the firewall -----------------------------------------------------------------------------------------------------

IPTABLES = "-P INPUT {policy}\n-P FORWARD DROP\n-A INPUT -i lo -j ACCEPT\n{rule}\n"
NFT = """table inet filter {{
	chain input {{
		type filter hook input priority filter; policy {policy};
		iifname "lo" accept
		{rule}
	}}
}}
"""


@pytest.mark.parametrize(
    ("tool", "policy", "rule", "level"),
    [
        ("iptables", "ACCEPT", "", OK),
        ("iptables", "DROP", "", WARN),
        ("iptables", "DROP", "-A INPUT -p tcp -m tcp --dport 4059 -j ACCEPT", OK),
        ("iptables", "DROP", "-A INPUT -p tcp -m tcp --dport 40590 -j ACCEPT", WARN),
        ("iptables", "DROP", "-A INPUT -p tcp -m multiport --dports 22,4000:4100 -j ACCEPT", OK),
        ("iptables", "DROP", "-A INPUT -j ACCEPT", OK),
        ("iptables", "ACCEPT", "-A INPUT -j REJECT --reject-with icmp-host-prohibited", WARN),
        ("nft", "accept", "", OK),
        ("nft", "drop", "", WARN),
        ("nft", "drop", "tcp dport 4059 accept", OK),
        ("nft", "drop", "tcp dport { 22, 4059 } accept", OK),
        ("nft", "drop", "tcp dport 4000-4100 accept", OK),
        ("nft", "drop", "tcp dport 4059 drop", WARN),
        ("nft", "drop", "tcp dport 22 accept", WARN),
    ],
)
def test_rules(tool, policy, rule, level):
    text = (IPTABLES if tool == "iptables" else NFT).format(policy=policy, rule=rule)
    (found,) = firewall.firewall(4059, firewall.Rules(tool, text))
    assert found.level is level
    assert ("4059" in found.remedy) is (level is WARN)


def test_rules_that_nobody_may_read_are_no_fault(monkeypatch):
    monkeypatch.setattr(firewall, "read_rules", lambda: None)
    (found,) = firewall.firewall(4059)
    assert found.level is OK


def refused(_host, _port):
    raise OSError(113, os.strerror(113))


def test_our_own_port_from_here():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert firewall.reachable(port, lambda: "127.0.0.1", lambda _host, _port: None).level is OK
    found = firewall.reachable(port, lambda: "127.0.0.1", refused)
    assert (found.level, "No route to host" in found.found) == (FAIL, True)
    assert firewall.reachable(port, lambda: None).level is WARN


# -- the agent --------------------------------------------------------------------------------------------------------


def test_a_configuration_that_is_refused_says_where(tmp_path):
    path = tmp_path / "dlms_config.yaml"
    path.write_text("agent: edge-1\n")
    loaded, found = agent.configuration(path)
    assert (loaded, found.level) == (None, FAIL)
    assert str(path) in found.found
    path.write_text('agent: edge-1\nkafka: {bootstrap: "k:9092"}\n')
    loaded, found = agent.configuration(path)
    assert (loaded.agent, found.level) == ("edge-1", OK)


def test_a_socket_that_a_killed_agent_left(tmp_path):
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    (found,) = agent.running([tmp_path / "missing.sock", path])
    assert found.level is WARN
    assert "no agent runs there any more" in found.remedy


def test_no_agent_is_no_fault(tmp_path):
    (found,) = agent.running([tmp_path / "control.sock"])
    assert (found.level, found.found) == (OK, "none runs here")
