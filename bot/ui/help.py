"""What `/help` says: every command in its topic, with something to type."""

from collections.abc import Sequence
from dataclasses import dataclass

import discord

from bot.locales import N_, _
from bot.ui.answers import Reply
from bot.ui.boards import COLOUR
from bot.ui.buttons import DurableButton, buttons
from bot.ui.text import fitting, listed, one_of

FEATURE = "help"
#: The button that leads back to all topics.
OVERVIEW = "overview"
PER_ROW = 5


@dataclass(frozen=True, kw_only=True)
class Topic:
    """`commands` are names as members type them, and those of a message's menu; `examples` can be typed as
    they stand, in a group that follows a course.
    """

    key: str
    title: str
    about: str
    commands: tuple[str, ...]
    examples: tuple[str, ...]
    for_organizers: bool = False


def names_in(commands: str) -> tuple[str, ...]:
    """The names in a list with commas."""
    return tuple(commands.split(", "))


TOPICS = (
    Topic(
        key="groups",
        title=N_("Groups and you"),
        about=N_("Join a group, tell me where you live, show what you have done."),
        commands=names_in(
            "group list, group join, group info, group leave, group create, "  # the same in every language
            "timezone, profile, help"
        ),
        examples=("/group join", "/timezone zone:Europe/Berlin"),  # the same in every language
    ),
    Topic(
        key="meetups",
        title=N_("Meetups"),
        about=N_("Plan them, say whether you come, check in, put them into your calendar."),
        commands=names_in(
            "meetup list, meetup show, meetup schedule, meetup checkin, "  # the same in every language
            "meetup attendance, meetup calendar, meetup edit, meetup move, meetup skip, meetup cancel"
        ),
        examples=(
            "/meetup schedule when:next thursday at 19:00 repeat:weekly",  # the same in every language
            "/meetup calendar",  # the same in every language
        ),
    ),
    Topic(
        key="reminders",
        title=N_("Reminders"),
        about=N_("I write to you when it is time, and only you see it."),
        commands=names_in("remind me, remind list, remind cancel"),  # the same in every language
        examples=("/remind me when:in 2 hours what:read chapter 3",),  # the same in every language
    ),
    Topic(
        key="lessons",
        title=N_("Lessons"),
        about=N_("Note how far you have come, and see whether the course fits into your time."),
        commands=names_in(
            "lesson next, lesson done, lesson undo, lesson list, "  # the same in every language
            "lesson progress, plan, course list, course show"
        ),
        examples=(
            "/lesson done lesson:1",  # the same in every language
            "/plan hours_per_week:7 deadline:in 12 weeks",  # the same in every language
        ),
    ),
    Topic(
        key="flashcards",
        title=N_("Flashcards"),
        about=N_("A few each day, each when you are about to forget it."),
        commands=names_in(
            "review, cards add, Make flashcard, cards list, cards edit, "  # the same in every language
            "cards delete, cards stats, cards settings, cards import, cards export"
        ),
        examples=(
            "/review",
            "/cards add front:What is a tensor? "  # the same in every language
            "back:An array of any number of axes.",
        ),
    ),
    Topic(
        key="projects",
        title=N_("Projects"),
        about=N_("Build something of your own, tell the group how it goes, ship it."),
        commands=names_in(
            "project start, project update, project show, project list, "  # the same in every language
            "project pause, project resume, project ship, project drop"
        ),
        examples=(
            "/project start title:Bear detector "  # the same in every language
            "goal:Tell three kinds of bears apart",
        ),
    ),
    Topic(
        key="board",
        title=N_("Board and thanks"),
        about=N_("See how far the group is, and thank who helped you."),
        commands=names_in(
            "leaderboard show, leaderboard why, leaderboard visibility, kudos"  # the same in every language
        ),
        examples=("/leaderboard show by:points period:month",),  # the same in every language
    ),
    Topic(
        key="pictures",
        title=N_("Pictures"),
        about=N_("Ask the group’s model what it sees, and tell it when it is wrong."),
        commands=names_in("classify, Classify image, model list, model info"),  # the same in every language
        examples=("/classify image:", "/model list"),  # the same in every language
    ),
    Topic(
        key="data",
        title=N_("Your data"),
        about=N_("Everything I know about you, as a file or gone for good."),
        commands=names_in("privacy export, privacy delete"),  # the same in every language
        examples=("/privacy export",),  # the same in every language
    ),
    Topic(
        key="organizers",
        title=N_("For organizers"),
        about=N_("Set a group up, give it a course, look after it."),
        commands=names_in(
            "setup, doctor, group edit, group archive, course start, "  # the same in every language
            "course shift, course import, cards daily, cards starter, model train, model publish, "
            "model retire, model feedback"
        ),
        examples=(
            "/setup",
            "/cards daily hour:8",  # the same in every language
            "/course start course:fastai-2022 "  # the same in every language
            "first:thursday 19:00 every:weekly",
        ),
        for_organizers=True,
    ),
)
#: What stands in the menu of a message has no description of its own.
IN_MENU = {
    "Make flashcard": N_("Turn somebody’s message into a flashcard."),
    "Classify image": N_("See what the group’s model sees in the message’s first picture."),
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One command as the bot has it now. `is_menu`: it stands under Apps, in a message's menu."""

    name: str
    description: str
    is_menu: bool = False


def overview(topics: Sequence[Topic], *, hints: Sequence[str] = ()) -> Reply:
    """All that this member may do here, a line for each topic."""
    lines = [*hints, *([""] if hints else [])]
    lines += [
        _(
            "**{topic}**: {about}\n-# Try `{example}`",
            topic=_(topic.title),
            about=_(topic.about),
            example=topic.examples[0],
        )
        for topic in topics
    ]
    text = "\n".join(fitting(lines))
    embed = discord.Embed(title=_("What you can do here"), colour=COLOUR, description=text)
    embed.set_footer(text=_("Press a topic for its commands; Discord shows their options as you type."))
    return Reply(embeds=[embed], view=_choices(topics, None))


def page(
    topic: Topic, entries: Sequence[Entry], *, topics: Sequence[Topic], hints: Sequence[str] = ()
) -> Reply:
    """A topic's commands, and something to type."""
    lines = [*hints, _(topic.about), ""]
    for entry in entries:
        where = f"`/{entry.name}`"
        if entry.is_menu:
            where = _("**{command}**, under Apps in a message’s menu", command=_(entry.name))
        lines.append(f"{where}: {_(entry.description)}")
    names = {entry.name for entry in entries}
    typed = [f"`{example}`" for example in topic.examples if _called(example) & names]
    if typed:
        lines += ["", _("Try {examples}.", examples=one_of(typed))]
    embed = discord.Embed(title=_(topic.title), colour=COLOUR, description="\n".join(fitting(lines)))
    return Reply(embeds=[embed], view=_choices(topics, topic))


def hints_for(*, in_server: bool, joined: Sequence[str], is_organizer: bool, has_group: bool) -> list[str]:
    """What this member should know or do first."""
    if not in_server:
        return [_("These work here, between you and me. In a server that has me I can do much more.")]
    if joined:
        return [_("You are in {groups}.", groups=listed(joined))]
    if has_group:
        return [
            _("You are in no study group here yet: `/group join` brings you in, and most of this needs it.")
        ]
    if is_organizer:
        return [_("This server has no study group yet: `/setup` makes one, step by step.")]
    return [_("This server has no study group yet. `/group create` makes one.")]


def _called(example: str) -> set[str]:
    """The names that an example may call: its first word, or its first two."""
    words = example.removeprefix("/").split()
    return {words[0], " ".join(words[:2])}


def _choices(topics: Sequence[Topic], current: Topic | None) -> discord.ui.View:
    shown = [
        DurableButton(
            FEATURE,
            0,
            topic.key,
            label=_(topic.title),
            row=number // PER_ROW,
            disabled=topic is current,
        )
        for number, topic in enumerate(topics)
    ]
    if current is not None:
        row = -(-len(topics) // PER_ROW)
        shown.append(DurableButton(FEATURE, 0, OVERVIEW, label=_("All topics"), row=row))
    return buttons(*shown)
