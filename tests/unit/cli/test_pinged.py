"""What a ping found, as a technician sees it."""

import io

import pytest
from rich.console import Console

from ami_cli.asking import ThroughAgent
from ami_cli.view.pinged import print_pinged
from ami_ingest.meters.ping import Pinged

pytestmark = pytest.mark.unit


def shown(tmp_path, **more):
    out = io.StringIO()
    found = {"connect_s": 0.0059, "associate_s": 1.6531, "read_s": 0.0003, "clock_error_s": 0.0, **more}
    pinged = Pinged(obis=bytes((0, 0, 42, 0, 0, 255)), logical_device_name="AMV1", system_title=None, **found)
    print_pinged(Console(file=out, width=100), ThroughAgent("m-1", tmp_path / "control.sock", 1.0), pinged)
    return out.getvalue().splitlines()


def test_times_stand_below_each_other(tmp_path):
    assert [line.rstrip() for line in shown(tmp_path)[1:4]] == [
        "  connect        5.9 ms",
        "  associate  1,653.1 ms",
        "  read           0.3 ms",
    ]


@pytest.mark.parametrize(
    ("error_s", "said"),
    [
        (0.4, "right to the second"),
        (-1, "1 s behind"),
        (599, "599 s ahead"),
        (7200, "120 min ahead"),
        (-2_844_540, "33 days behind"),
        (4e9, "46,296 days ahead"),
        (None, "cannot be told"),
    ],
)
def test_a_clock_is_told_in_a_unit_that_fits(tmp_path, error_s, said):
    assert shown(tmp_path, clock_error_s=error_s)[-1].split(maxsplit=1)[1].rstrip() == said
