"""A log that a test can look into."""

import structlog


class Log(list):
    """Entries of a log, each the event, its level and its fields."""

    def logger(self):
        """Make a logger that keeps its entries here."""

        def keep(_logger, level, event):
            self.append({"level": level, **event})
            raise structlog.DropEvent

        return structlog.wrap_logger(
            None, processors=[keep], wrapper_class=structlog.make_filtering_bound_logger("debug")
        )

    def events(self):
        """Give the events alone."""
        return [entry["event"] for entry in self]
