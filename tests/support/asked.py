"""What a scheduler gives reading by reading, as a list."""


async def read_asked(scheduler, meter, targets, profile=None):
    """Read a meter on demand; return its readings."""
    readings = []

    async def take(reading):
        readings.append(reading)

    await scheduler.read(meter, targets, profile, take)
    return readings
