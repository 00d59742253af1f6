"""When which meter is read, and what happens when it does not answer."""
