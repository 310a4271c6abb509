"""Discord commands: a thin file per feature, loaded by name and imported by nobody."""
