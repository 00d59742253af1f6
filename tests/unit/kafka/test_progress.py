"""Where a partition starts: the ledger wins over the group's offset, and nothing is reset in silence."""

import pytest

from ami_kafka.progress import Origin, Start, decide, encode, ledger_key, parse

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("ledger", "group", "start"),
    [
        (None, None, Start(3, Origin.BEGINNING, differs=False)),
        (50, 50, Start(50, Origin.LEDGER, differs=False)),
        (50, 40, Start(50, Origin.LEDGER, differs=True)),
        (50, 60, Start(50, Origin.LEDGER, differs=True)),
        (50, None, Start(50, Origin.LEDGER, differs=True)),
        (None, 40, Start(40, Origin.GROUP, differs=True)),
        (0, 40, Start(0, Origin.LEDGER, differs=True)),
    ],
)
def test_the_ledger_wins(ledger, group, start):
    assert decide(ledger, group, low=3) == start


def test_a_progress_record_names_its_partition_and_holds_the_next_offset():
    assert ledger_key("normalize", "ami.raw.v1", 7) == b"progress/normalize/ami.raw.v1/7"
    assert parse(encode(12345)) == 12345
    assert parse(encode(0)) == 0
