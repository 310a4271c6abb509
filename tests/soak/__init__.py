"""The bot under load for long: how soon it answers, what it keeps, what it takes; with seed and figure."""
