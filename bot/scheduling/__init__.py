"""When things happen: the alarm clock, recurrence, and reading typed time."""
