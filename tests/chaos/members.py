"""Members of the stand-in's server, and reminders of theirs as the command would have left them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.db.engine import Database
from bot.db.models import Reminder
from bot.delivery.ledger import Ledger, Outgoing
from tests.wire.standin import StandIn, User
from tests.wire.standin.world import Channel

FEWEST, PER_CHANNEL = 12, 24
#: Every so many members take no direct messages: theirs go to a channel. Few enough that a long run's backlog
#: does not hold more refusals than the 500 in ten minutes at which the bot stops asking.
CLOSED_EVERY = 20


class Members:
    """The members and the channels of their fallbacks; `due` has every reminder planned, by its number."""

    def __init__(self, standin: StandIn, database: Database, *, count: int) -> None:
        self.due: dict[str, datetime] = {}
        self._standin = standin
        self._database = database
        self._members: list[User] = []
        world, guild = standin.world, standin.guild
        for number in range(max(FEWEST, count)):
            member = world.add_user(f"member {number}")
            member.dms_open = number % CLOSED_EVERY != 0
            world.add_member(guild, member)
            self._members.append(member)
        self._channels: list[Channel] = [
            standin.channel,
            *(world.add_channel(guild, f"hall {n}") for n in range(1, len(self._members) // PER_CHANNEL)),
        ]

    async def plan(
        self, count: int, *, due: datetime | None = None, apart: timedelta = timedelta(0)
    ) -> list[str]:
        """So many reminders, each to the next member in turn, due at once unless said otherwise."""
        now = datetime.now(UTC)
        ledger = Ledger(self._database, clock=lambda: now, owner="chaos")
        names = []
        async with self._database.write() as session:
            for number in range(count):
                name = f"{len(self.due) + 1:05}"
                due_at = self.due[name] = (due or now) + number * apart
                names.append(name)
                place = len(self.due) % len(self._members)
                member, channel = self._members[place], self._channels[place % len(self._channels)]
                reminder = Reminder(
                    user_id=member.id,
                    guild_id=self._standin.guild.id,
                    channel_id=channel.id,
                    what=f"chaos {name}",
                    due_at=due_at,
                    starts_local=due_at.replace(tzinfo=None),
                    timezone="UTC",
                    repeat="none",
                    created_at=now,
                    round=0,
                )
                session.add(reminder)
                await session.flush()
                outgoing = Outgoing(
                    key=f"reminder:{reminder.id}:0",
                    kind="reminder",
                    subject=f"reminder:{reminder.id}",
                    due_at=due_at,
                    expires_at=due_at + timedelta(days=7),
                    guild_id=reminder.guild_id,
                    user_id=member.id,
                    refs={"reminder": reminder.id, "due": due_at.isoformat()},
                    fallback=(channel.id,),
                )
                await ledger.plan(session, outgoing)
        return names
