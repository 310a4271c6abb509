"""Cohort, the study bot, without its Discord commands."""
