"""Files of captured frames."""

import json

import pytest

from ami_ingest.errors import FramesError
from ami_ingest.frames import read_frames

pytestmark = pytest.mark.unit

APDU = bytes.fromhex("0f40000000000001")
WRAPPED = bytes.fromhex("0001000100100008") + APDU


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "frames"
        path.write_text(text)
        return read_frames(path)

    return read


@pytest.mark.parametrize(
    ("line", "data"),
    [
        ("7e a0 01 7e", bytes.fromhex("7ea0017e")),
        ("7EA0017E  # a comment", bytes.fromhex("7ea0017e")),
        (WRAPPED.hex(), WRAPPED),
        (APDU.hex(), WRAPPED),
        ("e6e700" + APDU.hex(), WRAPPED),
        (json.dumps({"hex": APDU.hex(), "transport": "raw-apdu"}), WRAPPED),
        (json.dumps({"hex": "e6e700" + APDU.hex(), "transport": "raw-apdu"}), WRAPPED),
        (json.dumps({"hex": APDU.hex()}), WRAPPED),
        (json.dumps({"hex": "db08", "transport": "dsmr-p1"}), bytes.fromhex("db08")),
        (json.dumps({"hex": "0102", "transport": "hdlc"}), bytes.fromhex("0102")),
    ],
)
def test_a_line(read, line, data):
    assert [frames.data for frames in read(line)] == [data]


def test_comments_and_empty_lines_are_passed_over(read):
    assert [one.id for one in read("# a capture\n\n7e00\n" + json.dumps({"id": "x", "hex": "7e00"}))] == ["line 3", "x"]


@pytest.mark.parametrize("line", ["xyz", "7e0", "{", "{}", '{"hex": 5}', "00" * 65536])
def test_a_wrong_line_is_named(read, line):
    with pytest.raises(FramesError, match="line 2"):
        read("7e00\n" + line)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="No such file"):
        read_frames(tmp_path / "none")


def test_bytes_are_no_list_of_frames(tmp_path):
    path = tmp_path / "octets"
    path.write_bytes(b"\x7e\xa0\xff")
    with pytest.raises(FramesError, match="not UTF-8"):
        read_frames(path)
