"""Discord pieces that cogs share."""
