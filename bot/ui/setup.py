"""What an organizer sees of `/setup`: what is set, what is left, and which command changes it later."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import discord

from bot.db.models import DailyCards, Group
from bot.locales import _, ngettext, pgettext
from bot.ui.answers import Reply
from bot.ui.boards import COLOUR
from bot.ui.buttons import DurableButton, buttons
from bot.ui.moments import moment
from bot.ui.text import fitting, shown

FEATURE = "setup"
#: Makes a group, and shows how one stands; the latter's id is the group's.
CREATE, SHOW = "create", "show"
#: The steps, and what brings the first flashcards.
CHANNEL, COURSE, MEETUP, ZONE, DAILY = "channel", "course", "meetup", "zone", "daily"
STARTER = "starter"
#: Another page of the groups to choose from; its id is the page's number.
OTHERS = "others"
#: What a message takes, its last row being left for turning the page.
MOST_OFFERED, TURNS_ROW = 20, 4


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a group's setup stands, all of it read from what is there.

    `channel_problem` is why nothing reaches its channel, in words. `next_meetup` and `next_cards` are when
    those come; None when none is planned, or the daily cards are off.
    """

    group: Group
    channel_problem: str | None
    next_meetup: datetime | None
    daily: DailyCards | None
    next_cards: datetime | None
    has_deck: bool


@dataclass(frozen=True, kw_only=True)
class Step:
    """`value` is what is set, None when nothing is yet; `wanted` says then what it is for."""

    verb: str
    title: str
    button: str
    value: str | None
    wanted: str
    later: str


def steps(standing: Standing) -> tuple[Step, ...]:
    """The five steps, in the order in which they are best done."""
    group, daily = standing.group, standing.daily
    cards = None
    if daily is not None and standing.next_cards is not None:
        cards = ngettext(
            "{n} card every day at {hour:02}:00, the next {when}",
            "{n} cards every day at {hour:02}:00, the next {when}",
            daily.count,
            hour=daily.hour,
            when=moment(standing.next_cards),
        )
    return (
        Step(
            verb=CHANNEL,
            title=_("Channel"),
            button=_("Channel"),
            value=f"<#{group.channel_id}>" if standing.channel_problem is None else None,
            wanted=standing.channel_problem or "",
            later="`/group edit channel:`",
        ),
        Step(
            verb=COURSE,
            title=_("Course"),
            button=_("Course"),
            value=shown(group.course) if group.course else None,
            wanted=_("What do you learn together? Lessons, plans and starter cards follow from it."),
            later=_("`/group edit course:`; `/course import` brings your own"),
        ),
        Step(
            verb=MEETUP,
            title=_("First meetup") if standing.next_meetup is None else _("Next meetup"),
            button=_("First meetup") if standing.next_meetup is None else _("Another meetup"),
            value=moment(standing.next_meetup) if standing.next_meetup is not None else None,
            wanted=_("When do you meet? Its post, event and reminders follow by themselves."),
            later="`/meetup edit`, `/meetup move`, `/meetup cancel`, `/course shift`",
        ),
        Step(
            verb=ZONE,
            title=_("Time zone"),
            button=_("Time zone"),
            value=group.timezone,
            wanted="",
            later=_("`/group edit timezone:`; each member’s own with `/timezone`"),
        ),
        Step(
            verb=DAILY,
            title=_("Daily cards"),
            button=_("Daily cards"),
            value=cards,
            wanted=_("At which hour do I post some flashcards each day?"),
            later="`/cards daily hour:`, `/cards daily off:True`",
        ),
    )


def wizard(standing: Standing, *, said: str | None = None) -> Reply:
    """The one message that the whole setup is; `said` is what the last step did."""
    found = steps(standing)
    left = [step for step in found if step.value is None]
    if left:
        head = ngettext(
            "{n} of {total} steps are done. Next: **{step}**.",
            "{n} of {total} steps are done. Next: **{step}**.",
            len(found) - len(left),
            total=len(found),
            step=left[0].title,
        )
    else:
        head = _("All {count} steps are done. Press one to change it.", count=len(found))
    lines = [head, ""]
    for number, step in enumerate(found, 1):
        words = step.value if step.value is not None else _("*to do.* {what}", what=step.wanted)
        lines += [f"**{number}. {step.title}**: {words}", _("-# Later: {commands}", commands=step.later)]
    choices = [
        DurableButton(
            FEATURE,
            standing.group.id,
            step.verb,
            label=step.button,
            style=discord.ButtonStyle.primary if left[:1] == [step] else discord.ButtonStyle.secondary,
            row=0,
        )
        for step in found
    ]
    if not standing.has_deck:
        label = _("Bring starter cards")
        lines += [
            "",
            _(
                "There is no flashcard yet. **{button}** adds those that come with your course and its "
                "prerequisites, so that everybody can review at once.",
                button=label,
            ),
        ]
        choices.append(DurableButton(FEATURE, standing.group.id, STARTER, label=label, row=1))
    title = _("Setting up {group}", group=shown(standing.group.name))
    embed = discord.Embed(title=title, colour=COLOUR)
    embed.description = "\n".join(fitting(lines))
    embed.set_footer(
        text=_(
            "Each step is saved at once. Close this whenever you like: /setup goes on where you were, and "
            "/doctor checks that everything works."
        )
    )
    return Reply(said, embeds=[embed], view=buttons(*choices))


def beginning() -> Reply:
    """In a server without a group: the first step makes one."""
    embed = discord.Embed(title=_("Setting up a study group"), colour=COLOUR)
    label = _("Make the group")
    embed.description = _(
        "This server has no study group yet. **{button}** asks for its name, its time zone and the "
        "channel where it talks, and posts an invitation there that people join by a button.\n"
        "Then come its course, the first meetup and the daily flashcards: a minute each, in any order.\n"
        "-# Later: `/group create` makes another one, `/group edit` changes it.",
        button=label,
    )
    make = DurableButton(FEATURE, 0, CREATE, label=label, style=discord.ButtonStyle.primary)
    return Reply(embeds=[embed], view=buttons(make))


def which(groups: Sequence[Group], *, page: int = 1) -> Reply:
    """Several groups, and nothing tells which one is meant; a page of them, the nearest if it is gone."""
    pages = -(-len(groups) // MOST_OFFERED)
    page = min(max(page, 1), pages)
    text = _("Which group do you want to set up?")
    choices = [
        DurableButton(FEATURE, group.id, SHOW, label=group.name[:80])
        for group in groups[(page - 1) * MOST_OFFERED : page * MOST_OFFERED]
    ]
    if pages > 1:
        text = f"{text} ({_('page {number} of {all}', number=page, all=pages)})"
        turns = [(pgettext("page", "Back"), page - 1), (pgettext("page", "Next"), page + 1)]
        choices += [
            DurableButton(FEATURE, number, OTHERS, label=label, row=TURNS_ROW)
            for label, number in turns
            if 1 <= number <= pages
        ]
    return Reply(text, view=buttons(*choices))
