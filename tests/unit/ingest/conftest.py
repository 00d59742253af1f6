"""A log that can be looked into, and spools in a temporary folder."""

import pytest
from support.log import Log

from ami_ingest.record import RawRecord
from ami_ingest.spool.spool import Spool


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def make_spool(tmp_path, log):
    opened = []

    def make(max_bytes=1 << 30, name="spool.sqlite", **settings):
        spool = Spool(tmp_path / name, "edge-1", max_bytes=max_bytes, log=log.logger(), **settings)
        spool.open()
        opened.append(spool)
        return spool

    yield make
    for spool in opened:
        spool.close()


@pytest.fixture
def make_record():
    def make(number, size=10):
        return RawRecord(
            b"st-%016x" % (number % 7),
            b"%08d" % number + b"x" * (size - 8),
            (("ce_type", b"ami.raw.apdu.v1"),),
            number,
        )

    return make
