"""Answering with a model: batches in the bot, the work in processes of its own or on Ray Serve."""

# Seconds after which every question to a classifier has ended, with a verdict or with an error.
LONGEST = 60.0
