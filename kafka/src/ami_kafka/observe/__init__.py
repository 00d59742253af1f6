"""How a process that works with Kafka is looked into: `metric` what a metric says · `endpoint` its page over HTTP."""
