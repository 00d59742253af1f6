"""`ingest.log` and `error.log`: bounded, found again, and never in the way."""

import io
import itertools
import json
import os
import threading

import pytest

from ami_ingest.config.model import Logs
from ami_ingest.logs import logger, opened, set_level
from ami_ingest.logs.logger import to_journal
from ami_ingest.logs.rotating import RotatingFile

pytestmark = pytest.mark.unit


def lines(path):
    return path.read_text().splitlines()


def test_everything_in_one_and_what_to_look_at_in_the_other(tmp_path):
    stream = io.StringIO()
    with opened(Logs(folder=tmp_path / "ami"), stream) as log:
        log.bind(meter="m-1").info("polled", records=3)
        log.bind(meter="m-2").warning("Connection Refused (Error 111)", remedy="look")
        try:
            raise ValueError("boom")
        except ValueError:
            log.exception("a defect")
    written = lines(tmp_path / "ami" / "ingest.log")
    assert [line.split(" ", 1)[1] for line in written[:2]] == [
        "INFO    meter=m-1 polled records=3",
        "WARNING meter=m-2 Connection Refused (Error 111) remedy=look",
    ]
    assert written[-1].endswith("  | ValueError: boom")
    assert lines(tmp_path / "ami" / "error.log") == written[1:]
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [
        "polled", "Connection Refused (Error 111)", "a defect",
    ]  # fmt: skip


def test_files_in_json(tmp_path):
    with opened(Logs(folder=tmp_path, format="json"), io.StringIO()) as log:
        log.error("broken", meter="m-1")
    for name in ("ingest.log", "error.log"):
        (entry,) = map(json.loads, lines(tmp_path / name))
        assert (entry["event"], entry["meter"], entry["level"]) == ("broken", "m-1", "error")


def test_what_is_less_important_than_wished_is_left_out(tmp_path):
    with opened(Logs(folder=tmp_path, level="error"), io.StringIO()) as log:
        log.warning("slow")
        log.error("broken")
    assert [line.rsplit(" ", 1)[1] for line in lines(tmp_path / "ingest.log")] == ["broken"]


def test_the_level_changes_for_what_is_bound_already_and_for_no_other_log(tmp_path):
    with opened(Logs(folder=tmp_path / "one"), io.StringIO()) as log, opened(Logs(folder=tmp_path / "two")) as other:
        bound = log.bind(meter="m-1")
        bound.debug("left out")
        set_level(bound, "debug")
        for each in (log, bound, bound.bind(more=1), other):
            each.debug("said")
        set_level(log, "error")
        for each in (log, bound, other):
            each.warning("slow")
    words = [line.split()[-1 if "more" not in line else -2] for line in lines(tmp_path / "one" / "ingest.log")]
    assert words == ["said"] * 3
    assert [line.split()[-1] for line in lines(tmp_path / "two" / "ingest.log")] == ["slow"]


def test_a_folder_that_cannot_be_written_is_told_once_and_tried_again(tmp_path):
    (tmp_path / "in-the-way").write_text("")
    stream = io.StringIO()
    with opened(Logs(folder=tmp_path / "in-the-way" / "ami"), stream) as log:
        for number in range(20):
            log.info("line", number=number)
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    loud = [one for one in told if one["level"] == "error"]
    assert [one["event"] for one in loud] == ["the log files cannot be written: lines go to stderr only"]
    assert "Not a directory" in loud[0]["reason"]
    assert loud[0]["remedy"]
    assert sum(one["event"] == "line" for one in told) == 20


def test_files_come_back_when_the_folder_does(tmp_path):
    blocker = tmp_path / "ami"
    blocker.write_text("")
    stream = io.StringIO()
    with opened(Logs(folder=blocker), stream) as log:
        log.info("lost")
        while "cannot be written" not in stream.getvalue():
            pass
        blocker.unlink()
        log.info("kept")
    assert "the log files are written again" in stream.getvalue()
    assert [line.rsplit(" ", 1)[1] for line in lines(blocker / "ingest.log")] == ["kept"]


def test_rotation_keeps_what_it_is_told_and_loses_no_line(tmp_path):
    file = RotatingFile(tmp_path / "a.log", 100, 3)
    for number in range(40):
        file.write(f"line {number:04}\n")
    file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1", "a.log.2", "a.log.3"]
    kept = [lines(tmp_path / name) for name in ("a.log.3", "a.log.2", "a.log.1", "a.log")]
    assert [*itertools.chain(*kept)] == [f"line {number:04}" for number in range(40)]
    assert all((tmp_path / name).stat().st_size <= 100 for name in ("a.log", "a.log.1", "a.log.2"))


def test_a_file_moved_away_is_opened_anew(tmp_path):
    file = RotatingFile(tmp_path / "a.log", None, 0)
    file.write("one\n")
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    file.write("two\n")
    (tmp_path / "a.log").unlink()
    file.write("three\n")
    file.close()
    assert lines(tmp_path / "a.log.1") == ["one"]
    assert lines(tmp_path / "a.log") == ["three"]


def test_two_processes_share_a_file_that_one_of_them_rotates(tmp_path):
    owner, guest = RotatingFile(tmp_path / "a.log", 30, 2), RotatingFile(tmp_path / "a.log", None, 0)
    for number in range(6):
        owner.write(f"owner {number}\n")
        guest.write(f"guest {number}\n")
    owner.close()
    guest.close()
    found = [*itertools.chain(*(lines(path) for path in sorted(tmp_path.iterdir(), reverse=True)))]
    assert len(found) == len(set(found))
    assert found[-1] == "guest 5"
    assert [line for line in found if line.startswith("owner")] == sorted(line for line in found if line[0] == "o")


def test_a_disk_that_does_not_follow_never_makes_anybody_wait(tmp_path, monkeypatch):
    stream = io.StringIO()
    go = threading.Event()
    write = RotatingFile.write
    monkeypatch.setattr(RotatingFile, "write", lambda self, text: (go.wait(), write(self, text))[1])
    with opened(Logs(folder=tmp_path), stream) as log:
        for number in range(10_200):
            log.info("busy", number=number)
        go.set()
    assert 10_000 <= len(lines(tmp_path / "ingest.log")) <= 10_200
    assert len(stream.getvalue().splitlines()) == 10_200


def test_a_reader_that_has_gone_does_not_end_who_speaks(tmp_path):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    with opened(Logs(tmp_path), Gone()) as log:
        log.error("nobody reads this")

    assert "nobody reads this" in (tmp_path / "error.log").read_text()


def test_the_journal_is_known_by_device_and_inode(tmp_path):
    with (tmp_path / "stderr").open("w+") as out:
        found = os.fstat(out.fileno())
        assert to_journal(out, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
        assert not to_journal(out, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + 1}"})
        assert not to_journal(out, {"JOURNAL_STREAM": "nonsense"})
        assert not to_journal(out, {})


def test_a_line_of_the_journal(tmp_path, monkeypatch):
    with (tmp_path / "stderr").open("w+") as out:
        found = os.fstat(out.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        logger(out).warning("Kafka is away", bootstrap="kafka:9092")
    assert (tmp_path / "stderr").read_text() == "<4>Kafka is away bootstrap=kafka:9092\n"
