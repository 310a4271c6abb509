"""Measurements of the running bot; `make bench` runs them, and RESULTS.md holds one run."""
