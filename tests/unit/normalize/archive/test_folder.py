"""Archived records: the same after writing and reading, in the same files however a run was cut."""

import io
import json
from datetime import date
from pathlib import Path

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_normalize.archive import folder as archive
from ami_normalize.archive.container import ContainerWriter, read_container
from ami_normalize.archive.errors import ArchiveDamaged, ArchiveGap
from ami_normalize.archive.ranges import Cuts, FileRange, day_of
from ami_normalize.archive.record import ArchivedRecord
from ami_schemas.avro import RECORD

pytestmark = pytest.mark.unit

DAY = 86_400_000
AVSC = Path(__file__).resolve().parents[4] / "schemas" / "avro" / "record.avsc"

octets = st.none() | st.binary(max_size=40)
contents = st.tuples(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.sampled_from([0, 1, 2]),
    octets,
    octets,
    st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), octets), max_size=4),
)


def record(offset, timestamp_ms=0, value=b"v"):
    return ArchivedRecord("t", 3, offset, timestamp_ms, 1, b"k", value, (("h", b"1"), ("h", None)))


def fill(folder, records, cuts, parts=()):
    """Archive records, in runs of the given lengths and a last one with the rest."""
    left = list(records)
    for length in (*parts, len(left)):
        writer = archive.PartitionWriter(folder, "t", 3, cuts)
        for each in left[:length]:
            writer.add(each)
        writer.publish()
        writer.close()
        del left[:length]


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_published_schema_is_the_one_in_force():
    assert json.loads(AVSC.read_text()) == RECORD


@given(st.lists(contents, max_size=20))
def test_a_record_is_the_same_after_writing_and_reading(made):
    records = [ArchivedRecord("t", 3, n, *rest, tuple(headers)) for n, (*rest, headers) in enumerate(made)]
    stream = io.BytesIO()
    writer = ContainerWriter(stream, RECORD, b"s" * 16)
    for each in records:
        writer.write(each.to_avro())
    writer.flush()

    read = read_container(io.BufferedReader(io.BytesIO(stream.getvalue())), RECORD, "it")

    assert [ArchivedRecord.of_avro(datum) for datum in read] == records


def test_fastavro_reads_the_container_by_itself(tmp_path):
    records = [record(n) for n in range(3)]
    fill(tmp_path, records, Cuts())
    (path,) = tmp_path.rglob("*.avro")

    with path.open("rb") as stream:
        found = fastavro.block_reader(stream)
        assert found.codec == "zstandard"
        assert fastavro.schema.to_parsing_canonical_form(found.writer_schema) == (
            fastavro.schema.to_parsing_canonical_form(fastavro.parse_schema(dict(RECORD)))
        )


@given(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from([0, 1, DAY, 3 * DAY])), min_size=1, max_size=40),
    st.lists(st.integers(0, 10), max_size=4),
    st.integers(2, 20),
    st.integers(5, 60),
)
def test_the_files_are_the_same_however_the_runs_were_cut(tmp_path_factory, steps, parts, count, octets):
    offset, records = -1, []
    for step, timestamp_ms in steps:
        offset += step
        records.append(record(offset, timestamp_ms))
    once, often = tmp_path_factory.mktemp("once"), tmp_path_factory.mktemp("often")

    fill(once, records, Cuts(count, octets))
    fill(often, records, Cuts(count, octets), parts)

    assert files(often) == files(once)
    assert list(archive.read(once, 3, records[0].offset, records[-1].offset + 1)) == records


def test_a_file_ends_at_a_multiple_and_where_the_day_goes_on(tmp_path):
    stamps = [0, DAY, 0, DAY, 2 * DAY, 0, 0, 0, 0, 0, 0, DAY]
    fill(tmp_path, [record(n, stamp) for n, stamp in enumerate(stamps)], Cuts(records=10))

    assert archive.ranges(tmp_path, 3) == [
        FileRange(date(1970, 1, 1), 3, 0, 0),
        FileRange(date(1970, 1, 2), 3, 1, 3),
        FileRange(date(1970, 1, 3), 3, 4, 9),
        FileRange(date(1970, 1, 1), 3, 10, 10),
        FileRange(date(1970, 1, 2), 3, 11, 11),
    ]


def test_a_file_that_outgrew_its_name_gets_the_right_one(tmp_path):
    fill(tmp_path, [record(0), record(1)], Cuts())
    (path,) = tmp_path.rglob("*.avro")
    path.rename(path.with_name("0-0.avro"))  # as a crash between the two steps of publishing leaves it

    fill(tmp_path, [record(2)], Cuts())

    assert [each.last for each in archive.ranges(tmp_path, 3)] == [2]
    assert [each.offset for each in archive.read(tmp_path, 3, 0, 3)] == [0, 1, 2]


def test_what_was_not_published_leaves_nothing(tmp_path):
    writer = archive.PartitionWriter(tmp_path, "t", 3, Cuts())
    writer.add(record(0))
    writer.close()

    assert files(tmp_path) == {}


def test_a_gap_stays_visible_and_is_refused_on_reading(tmp_path):
    fill(tmp_path, [record(0), record(1)], Cuts())
    writer = archive.PartitionWriter(tmp_path, "t", 3, Cuts())
    writer.skip_to(5)
    writer.add(record(5))
    writer.publish()

    assert [(each.first, each.last) for each in archive.ranges(tmp_path, 3)] == [(0, 1), (5, 5)]
    with pytest.raises(ArchiveGap, match="offsets 2 to 4 of partition 3"):
        list(archive.read(tmp_path, 3, 0, 6))
    assert [each.offset for each in archive.read(tmp_path, 3, 5, 6)] == [5]


@pytest.mark.parametrize("spoil", [lambda c: c[:-5], lambda c: b"Obj\x02" + c[4:], lambda c: c[:-40] + b"x" * 40])
def test_a_damaged_file_is_named(tmp_path, spoil):
    fill(tmp_path, [record(n) for n in range(100)], Cuts())
    (path,) = tmp_path.rglob("*.avro")
    path.write_bytes(spoil(path.read_bytes()))

    with pytest.raises(ArchiveDamaged, match=r"0-99\.avro"):
        list(archive.read(tmp_path, 3, 0, 100))


def test_the_offset_of_a_time_is_the_first_at_or_after_it(tmp_path):
    stamps = [100, 300, 200, DAY, DAY + 5]
    fill(tmp_path, [record(n, stamp) for n, stamp in enumerate(stamps)], Cuts())

    asked = [0, 101, 250, 301, DAY + 1, DAY + 6]
    assert [archive.offset_at(tmp_path, 3, each) for each in asked] == [0, 1, 1, 3, 4, None]


def test_a_stamp_outside_the_calendar_has_a_day():
    assert (day_of(-1), day_of((1 << 63) - 1)) == (date(1970, 1, 1), date(9999, 12, 31))
