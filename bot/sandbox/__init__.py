"""A simulated Discord: the world that tests drive, and the demo shows in a browser."""

from bot.sandbox.world import World, open_world

__all__ = ["World", "open_world"]
