"""What `/help` says: every command in its topic, with something to type."""

from collections.abc import Sequence
from dataclasses import dataclass

import discord

from bot.ui.answers import Reply
from bot.ui.boards import COLOUR
from bot.ui.buttons import DurableButton, buttons
from bot.ui.text import fitting, listed

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


TOPICS = (
    Topic(
        key="groups",
        title="Groups and you",
        about="Join a group, tell me where you live, show what you have done.",
        commands=(
            "group list",
            "group join",
            "group info",
            "group leave",
            "group create",
            "timezone",
            "profile",
            "help",
        ),
        examples=("/group join", "/timezone zone:Europe/Berlin"),
    ),
    Topic(
        key="meetups",
        title="Meetups",
        about="Plan them, say whether you come, check in, put them into your calendar.",
        commands=(
            "meetup list",
            "meetup show",
            "meetup schedule",
            "meetup checkin",
            "meetup attendance",
            "meetup calendar",
            "meetup edit",
            "meetup move",
            "meetup skip",
            "meetup cancel",
        ),
        examples=("/meetup schedule when:next thursday at 19:00 repeat:weekly", "/meetup calendar"),
    ),
    Topic(
        key="reminders",
        title="Reminders",
        about="I write to you when it is time, and only you see it.",
        commands=("remind me", "remind list", "remind cancel"),
        examples=("/remind me when:in 2 hours what:read chapter 3",),
    ),
    Topic(
        key="lessons",
        title="Lessons",
        about="Note how far you have come, and see whether the course fits into your time.",
        commands=(
            "lesson next",
            "lesson done",
            "lesson undo",
            "lesson list",
            "lesson progress",
            "plan",
            "course list",
            "course show",
        ),
        examples=("/lesson done lesson:1", "/plan hours_per_week:7 deadline:in 12 weeks"),
    ),
    Topic(
        key="flashcards",
        title="Flashcards",
        about="A few each day, each when you are about to forget it.",
        commands=(
            "review",
            "cards add",
            "Make flashcard",
            "cards list",
            "cards edit",
            "cards delete",
            "cards stats",
            "cards settings",
            "cards import",
            "cards export",
        ),
        examples=("/review", "/cards add front:What is a tensor? back:An array of any number of axes."),
    ),
    Topic(
        key="projects",
        title="Projects",
        about="Build something of your own, tell the group how it goes, ship it.",
        commands=(
            "project start",
            "project update",
            "project show",
            "project list",
            "project pause",
            "project resume",
            "project ship",
            "project drop",
        ),
        examples=("/project start title:Bear detector goal:Tell three kinds of bears apart",),
    ),
    Topic(
        key="board",
        title="Board and thanks",
        about="See how far the group is, and thank who helped you.",
        commands=("leaderboard show", "leaderboard why", "leaderboard visibility", "kudos"),
        examples=("/leaderboard show by:points period:month",),
    ),
    Topic(
        key="pictures",
        title="Pictures",
        about="Ask the group’s model what it sees, and tell it when it is wrong.",
        commands=("classify", "Classify image", "model list", "model info"),
        examples=("/classify image:", "/model list"),
    ),
    Topic(
        key="data",
        title="Your data",
        about="Everything I know about you, as a file or gone for good.",
        commands=("privacy export", "privacy delete"),
        examples=("/privacy export",),
    ),
    Topic(
        key="organizers",
        title="For organizers",
        about="Set a group up, give it a course, look after it.",
        commands=(
            "setup",
            "doctor",
            "group edit",
            "group archive",
            "course start",
            "course shift",
            "course import",
            "cards daily",
            "cards starter",
            "model train",
            "model publish",
            "model retire",
            "model feedback",
        ),
        examples=(
            "/setup",
            "/cards daily hour:8",
            "/course start course:fastai-2022 first:thursday 19:00 every:weekly",
        ),
        for_organizers=True,
    ),
)
#: What stands in the menu of a message has no description of its own.
IN_MENU = {
    "Make flashcard": "Turn somebody’s message into a flashcard.",
    "Classify image": "See what the group’s model sees in the message’s first picture.",
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
    lines += [f"**{topic.title}**: {topic.about}\n-# Try `{topic.examples[0]}`" for topic in topics]
    embed = discord.Embed(title="What you can do here", colour=COLOUR, description="\n".join(fitting(lines)))
    embed.set_footer(text="Press a topic for its commands; Discord shows their options as you type.")
    return Reply(embeds=[embed], view=_choices(topics, None))


def page(
    topic: Topic, entries: Sequence[Entry], *, topics: Sequence[Topic], hints: Sequence[str] = ()
) -> Reply:
    """A topic's commands, and something to type."""
    lines = [*hints, topic.about, ""]
    for entry in entries:
        where = f"**{entry.name}**, under Apps in a message’s menu" if entry.is_menu else f"`/{entry.name}`"
        lines.append(f"{where}: {entry.description}")
    names = {entry.name for entry in entries}
    typed = [f"`{example}`" for example in topic.examples if _called(example) & names]
    if typed:
        lines += ["", f"Try {' or '.join(typed)}."]
    embed = discord.Embed(title=topic.title, colour=COLOUR, description="\n".join(fitting(lines)))
    return Reply(embeds=[embed], view=_choices(topics, topic))


def hints_for(*, in_server: bool, joined: Sequence[str], is_organizer: bool, has_group: bool) -> list[str]:
    """What this member should know or do first."""
    if not in_server:
        return ["These work here, between you and me. In a server that has me I can do much more."]
    if joined:
        return [f"You are in {listed(joined)}."]
    if has_group:
        return ["You are in no study group here yet: `/group join` brings you in, and most of this needs it."]
    if is_organizer:
        return ["This server has no study group yet: `/setup` makes one, step by step."]
    return ["This server has no study group yet. `/group create` makes one."]


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
            label=topic.title,
            row=number // PER_ROW,
            disabled=topic is current,
        )
        for number, topic in enumerate(topics)
    ]
    if current is not None:
        row = -(-len(topics) // PER_ROW)
        shown.append(DurableButton(FEATURE, 0, OVERVIEW, label="All topics", row=row))
    return buttons(*shown)
