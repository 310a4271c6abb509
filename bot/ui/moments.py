"""Instants as every reader's own clock shows them."""

from datetime import datetime
from zoneinfo import ZoneInfo


def moment(instant: datetime) -> str:
    """An instant as every reader's own clock shows it, and how far away it is."""
    return f"{date_and_time(instant)} ({relative(instant)})"


def date_and_time(instant: datetime) -> str:
    return f"<t:{int(instant.timestamp())}:F>"


def relative(instant: datetime) -> str:
    return f"<t:{int(instant.timestamp())}:R>"


def iso(instant: datetime, zone: str) -> str:
    """Local ISO 8601 with the offset, which is what tells the two readings of a repeated hour apart."""
    return instant.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")
