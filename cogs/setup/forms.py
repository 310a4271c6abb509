"""The forms behind the steps of `/setup`: each takes what its command takes, and knows what is set."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import discord

from bot.client import Interaction
from bot.courses.packs import Pack
from bot.db.models import DailyCards, Group
from bot.locales import N_, _, ngettext
from bot.scheduling.recurrence import Repeat
from bot.services.courses.finding import COURSE_LIMIT
from bot.services.groups import NAME_LIMIT
from bot.services.reviews import DEFAULT_COUNT, MOST_CARDS
from bot.ui.modals import Form

ZONE_LIMIT = 64
WHEN_LIMIT = 100
TITLE_LIMIT = 80
# As they can be typed.
EXAMPLE_NAME = "fast.ai Berlin"  # the same in every language
EXAMPLE_TIME = "next thursday at 19:00"  # the same in every language
# Discord's, of one select.
MOST_OPTIONS = 25
OFF = "off"
ONCE = "once"
REPEATS = {
    ONCE: (N_("Only once"), Repeat.NONE),
    "weekly": (N_("Every week"), Repeat.WEEKLY),
    "fortnightly": (N_("Every two weeks"), Repeat.FORTNIGHTLY),
    "monthly": (N_("Every month"), Repeat.MONTHLY),
}
#: One meetup for each lesson of the course, so many weeks apart.
PER_LESSON = {
    "lesson_1": (N_("One for each lesson of the course, every week"), 1),
    "lesson_2": (N_("One for each lesson, every two weeks"), 2),
}


@dataclass(frozen=True, kw_only=True)
class NewGroup:
    name: str
    timezone: str
    channel_id: int


@dataclass(frozen=True, kw_only=True)
class FirstMeetup:
    """`every_weeks` is set when each lesson of the course gets a meetup of its own; else `repeat` counts."""

    when: str
    title: str | None
    repeat: Repeat
    every_weeks: int | None


@dataclass(frozen=True, kw_only=True)
class Hour:
    """When the daily cards come; `hour` is None to switch them off."""

    hour: int | None
    count: int


class CreateForm(Form):
    def __init__(
        self,
        *,
        channel: discord.TextChannel | None,
        submitted: Callable[[Interaction, NewGroup], Awaitable[None]],
    ) -> None:
        super().__init__(title=_("Make a study group"))
        self._submitted = submitted
        self._name, self._zone, self._channel = name_input(), zone_input(None), channel_select(channel)
        self.add_item(discord.ui.Label(text=_("What is it called?"), component=self._name))
        self.add_item(zone_label(self._zone))
        self.add_item(channel_label(self._channel))

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        new = NewGroup(
            name=self._name.value, timezone=self._zone.value, channel_id=self._channel.values[0].id
        )
        await self._submitted(interaction, new)


class ChannelForm(Form):
    def __init__(
        self,
        *,
        channel: discord.TextChannel | None,
        submitted: Callable[[Interaction, int], Awaitable[None]],
    ) -> None:
        super().__init__(title=_("The group’s channel"))
        self._submitted, self._channel = submitted, channel_select(channel)
        self.add_item(channel_label(self._channel))

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        await self._submitted(interaction, self._channel.values[0].id)


class ZoneForm(Form):
    def __init__(self, *, zone: str, submitted: Callable[[Interaction, str], Awaitable[None]]) -> None:
        super().__init__(title=_("The group’s time zone"))
        self._submitted, self._zone = submitted, zone_input(zone)
        self.add_item(zone_label(self._zone))

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        await self._submitted(interaction, self._zone.value)


class CourseForm(Form):
    def __init__(
        self,
        *,
        group: Group,
        packs: Sequence[Pack],
        submitted: Callable[[Interaction, str | None], Awaitable[None]],
    ) -> None:
        super().__init__(title=_("What you learn together"))
        self._submitted = submitted
        self._pack: discord.ui.Select[CourseForm] = discord.ui.Select(
            options=[
                discord.SelectOption(
                    label=pack.title[:100],
                    value=pack.id,
                    description=lessons(pack),
                    default=pack.id == group.pack,
                )
                for pack in packs[:MOST_OPTIONS]
            ],
            min_values=0,
            required=False,
            custom_id="pack",
        )
        self._other: discord.ui.TextInput[CourseForm] = discord.ui.TextInput(
            default=group.course if group.pack is None else None,
            required=False,
            max_length=COURSE_LIMIT,
            custom_id="other",
        )
        self.add_item(
            discord.ui.Label(
                text=_("A course that I know, lesson by lesson"),
                description=_("/course show tells what is in it; /course import brings your own."),
                component=self._pack,
            )
        )
        self.add_item(
            discord.ui.Label(
                text=_("Or another one, by its name"),
                description=_("Its name is then all that I know of it."),
                component=self._other,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        chosen = self._other.value.strip() or next(iter(self._pack.values), None)
        await self._submitted(interaction, chosen)


class MeetupForm(Form):
    def __init__(
        self, *, group: Group, submitted: Callable[[Interaction, FirstMeetup], Awaitable[None]]
    ) -> None:
        super().__init__(title=_("When you meet"))
        self._submitted = submitted
        self._when: discord.ui.TextInput[MeetupForm] = discord.ui.TextInput(
            placeholder=EXAMPLE_TIME, max_length=WHEN_LIMIT, custom_id="when"
        )
        offered = {value: _(label) for value, (label, _repeat) in REPEATS.items()}
        if group.pack is not None:
            offered |= {value: _(label) for value, (label, _weeks) in PER_LESSON.items()}
        self._rhythm: discord.ui.Select[MeetupForm] = discord.ui.Select(
            options=[discord.SelectOption(label=label, value=value) for value, label in offered.items()],
            custom_id="rhythm",
        )
        self._title: discord.ui.TextInput[MeetupForm] = discord.ui.TextInput(
            required=False, max_length=TITLE_LIMIT, custom_id="title"
        )
        self.add_item(
            discord.ui.Label(
                text=_("When is the first one?"),
                description=_("In your own time zone if you have set one, else in the group’s."),
                component=self._when,
            )
        )
        self.add_item(discord.ui.Label(text=_("How often?"), component=self._rhythm))
        self.add_item(
            discord.ui.Label(
                text=_("What is it called?"),
                description=_("Meetups for lessons are named after them."),
                component=self._title,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        rhythm = self._rhythm.values[0]
        planned = FirstMeetup(
            when=self._when.value,
            title=self._title.value or None,
            repeat=REPEATS[rhythm][1] if rhythm in REPEATS else Repeat.NONE,
            every_weeks=PER_LESSON[rhythm][1] if rhythm in PER_LESSON else None,
        )
        await self._submitted(interaction, planned)


class DailyForm(Form):
    def __init__(
        self,
        *,
        group: Group,
        daily: DailyCards | None,
        submitted: Callable[[Interaction, Hour], Awaitable[None]],
    ) -> None:
        super().__init__(title=_("Daily cards"))
        self._submitted = submitted
        now = str(daily.hour) if daily is not None else OFF
        hours = {**{str(hour): f"{hour:02}:00" for hour in range(24)}, OFF: _("No daily cards")}
        self._hour: discord.ui.Select[DailyForm] = discord.ui.Select(
            options=[
                discord.SelectOption(label=label, value=value, default=value == now and daily is not None)
                for value, label in hours.items()
            ],
            custom_id="hour",
        )
        count = daily.count if daily is not None else DEFAULT_COUNT
        self._count: discord.ui.Select[DailyForm] = discord.ui.Select(
            options=[
                discord.SelectOption(label=str(number), value=str(number), default=number == count)
                for number in range(1, MOST_CARDS + 1)
            ],
            custom_id="count",
        )
        self.add_item(
            discord.ui.Label(
                text=_("At which hour?"),
                description=_("In the group’s zone, {zone}.", zone=group.timezone),
                component=self._hour,
            )
        )
        self.add_item(discord.ui.Label(text=_("How many cards?"), component=self._count))

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        chosen = self._hour.values[0]
        hour = Hour(hour=None if chosen == OFF else int(chosen), count=int(self._count.values[0]))
        await self._submitted(interaction, hour)


def name_input() -> discord.ui.TextInput[Any]:
    return discord.ui.TextInput(placeholder=EXAMPLE_NAME, max_length=NAME_LIMIT, custom_id="name")


def zone_input(zone: str | None) -> discord.ui.TextInput[Any]:
    return discord.ui.TextInput(
        default=zone, placeholder="Europe/Berlin", max_length=ZONE_LIMIT, custom_id="zone"
    )


def zone_label(component: discord.ui.TextInput[Any]) -> discord.ui.Label[Any]:
    return discord.ui.Label(
        text=_("Where does it live?"),
        description=_("A city or its time zone. /timezone lists them all as you type."),
        component=component,
    )


def channel_select(channel: discord.TextChannel | None) -> discord.ui.ChannelSelect[Any]:
    return discord.ui.ChannelSelect(
        channel_types=[discord.ChannelType.text],
        default_values=[channel] if channel is not None else [],
        required=True,
        custom_id="channel",
    )


def channel_label(component: discord.ui.ChannelSelect[Any]) -> discord.ui.Label[Any]:
    return discord.ui.Label(
        text=_("Where does it talk?"),
        description=_("Meetups, reminders and daily cards are posted there."),
        component=component,
    )


def lessons(pack: Pack) -> str:
    return ngettext("{n} lesson", "{n} lessons", len(pack.lessons))
