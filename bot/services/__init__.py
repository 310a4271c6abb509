"""The use cases: a file per feature, one method per transaction."""
