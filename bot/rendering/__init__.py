"""Pictures: a dataclass in, PNG bytes out."""
