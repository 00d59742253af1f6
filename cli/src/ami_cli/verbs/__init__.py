"""The verbs of `ami`, one module each."""
