"""What stands around a scheduler in its tests: a store that keeps what it gives, and a meter that says nothing."""


class Store:
    """Keeps what the scheduler gives, as the spool would."""

    def __init__(self):
        self.records = []
        self.positions = {}

    async def put(self, records, positions=()):
        self.records += records
        for meter, profile, stamp_us in positions:
            self.positions[meter, profile] = stamp_us

    async def room(self):
        pass

    def position(self, meter, profile):
        return self.positions.get((meter, profile))


async def silent(reader, writer):
    """Take everything and answer nothing."""
    while await reader.read(1000):
        pass
