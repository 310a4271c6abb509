"""IANA time zones: checked, and found by what people type."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from bot.errors import UnknownZone

# Not places: the machine's own zone, and a marker for "not set".
NOT_ZONES = frozenset({"localtime", "posixrules", "Factory"})


@cache
def zone_names() -> dict[str, str]:
    """Every zone by its case-folded name."""
    return {name.casefold(): name for name in available_timezones() - NOT_ZONES}


@cache
def suggestions() -> tuple[str, ...]:
    """The zones worth suggesting: places and UTC, without fixed offsets and old abbreviations."""
    return (*sorted(n for n in zone_names().values() if "/" in n and not n.startswith("Etc/")), "UTC")


def checked_zone(typed: str) -> ZoneInfo:
    """The zone of that name, whatever its case, or the one zone whose city that is; raises UnknownZone."""
    wanted = typed.strip().replace(" ", "_").casefold()
    name = zone_names().get(wanted)
    if name is None:
        cities = [zone for zone in suggestions() if zone.casefold().rpartition("/")[2] == wanted]
        if len(cities) != 1:
            raise UnknownZone(name=typed.strip()[:64])
        name = cities[0]
    return ZoneInfo(name)


def find_zones(typed: str, *, limit: int) -> list[str]:
    """Zones whose city or name begins with or contains what was typed; best first."""
    wanted = typed.strip().replace(" ", "_").casefold()

    def rank(name: str) -> int:
        folded = name.casefold()
        if folded.rpartition("/")[2].startswith(wanted):
            return 0
        if folded.startswith(wanted):
            return 1
        return 2 if wanted in folded else 3

    return [name for name in sorted(suggestions(), key=rank) if rank(name) < 3][:limit]
