"""Records on disk come back by meter, complete and in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_normalize.replay.spill import Spill, Spilled

pytestmark = pytest.mark.unit

records = st.lists(
    st.tuples(st.binary(max_size=3), st.builds(Spilled, st.integers(0, 2), st.binary(max_size=9), st.binary()))
)


def by_meter(pairs):
    found = {}
    for meter, record in pairs:
        found.setdefault(meter, []).append(record)
    return found


@given(records, records)
def test_each_meter_gets_its_records_in_order_also_those_added_later(tmp_path_factory, first, more):
    spill = Spill(tmp_path_factory.mktemp("spill"), 0)
    for meter, record in first:
        spill.add(meter, record)
    assert dict(spill.meters()) == by_meter(first)

    for meter, record in more:
        spill.add(meter, record)
    assert dict(spill.meters()) == by_meter(first + more)


def test_large_records_and_many_meters(tmp_path):
    spill = Spill(tmp_path, 10_000_000)
    pairs = [(b"m%d" % (n % 700), Spilled(0, b"s%d" % n, bytes([n % 256]) * (n * 31 % 50_000))) for n in range(3000)]
    for meter, record in pairs:
        spill.add(meter, record)

    assert dict(spill.meters()) == by_meter(pairs)
