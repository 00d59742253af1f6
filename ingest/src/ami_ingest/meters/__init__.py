"""Talking to one meter: associations, what its objects are, its answers as raw records."""
