"""The edge agent: reads meters, takes pushes, spools, publishes raw records."""
