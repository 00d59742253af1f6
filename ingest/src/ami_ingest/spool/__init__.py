"""Everything goes to disk first, then to Kafka."""
