"""Channels, roles and permissions."""

from dataclasses import dataclass

from bot.errors.base import StudyError


@dataclass
class MissingPermission(StudyError):
    """The bot lacks these permissions there; names as Discord's settings show them."""

    permissions: tuple[str, ...]
    channel_id: int | None = None


@dataclass
class UnusableChannel(StudyError):
    channel_id: int
    reason: str


@dataclass
class UnusableRole(StudyError):
    role_id: int
    reason: str
