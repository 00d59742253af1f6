def decode() -> None:
    pass
