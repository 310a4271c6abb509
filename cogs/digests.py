"""The weekly digest: who moved, how far the group is, what comes next, and who waits for an answer."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import discord
from discord.ext import commands

from bot.client import StudyBot
from bot.delivery.ledger import Claimed
from bot.locales import _
from bot.locales.writing import month
from bot.services.boards import GoalProgress, Measure, Period
from bot.services.digests import DIGEST, Claim, Digest, Mover, Question
from bot.ui import boards
from bot.ui.boards import amount_words, goal_words, message_link
from bot.ui.buttons import DurableButton, buttons
from bot.ui.meetup_posts import line as meetup_line
from bot.ui.sending import Pointless, Rendered
from bot.ui.stages import stage_words
from bot.ui.text import fitting, shown

TICK = "digests"
# Another process may have switched a group's digest on.
TICK_AT_LEAST_EVERY = timedelta(minutes=10)
# An embed's field takes 1024 characters.
FIELD_ROOM = 1000


class Digests(commands.Cog):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.digests = bot.services.digests

    async def cog_load(self) -> None:
        self.bot.sender.register(DIGEST, self.render)
        self.bot.scheduler.add(TICK, self.digests.plan_next, at_least_every=TICK_AT_LEAST_EVERY)

    async def cog_unload(self) -> None:
        self.bot.scheduler.remove(TICK)
        self.bot.sender.unregister(DIGEST)

    async def render(self, delivery: Claimed) -> Rendered:
        monday = date.fromisoformat(delivery.refs["monday"])
        digest = await self.digests.digest(group_id=delivery.refs["group"], monday=monday)
        if digest is None:
            raise Pointless("digest switched off")
        button = DurableButton(boards.FEATURE, digest.group.id, boards.SHOW, label=_("Show the board"))
        return Rendered(embeds=[embed(digest)], view=buttons(button))


def embed(digest: Digest) -> discord.Embed:
    title = _("{group}: last week", group=shown(digest.group.name))
    found = discord.Embed(title=title, colour=boards.COLOUR)
    if digest.movers:
        found.description = and_more([mover_line(mover) for mover in digest.movers], of=digest.moved)
    else:
        found.description = _("A quiet week; that happens. The next small step counts again.")
    if digest.goal is not None:
        found.add_field(name=_("Group goal"), value=goal_lines(digest, digest.goal), inline=False)
    coming = meetup_line(digest.next_meetup) if digest.next_meetup else _("None planned yet")
    found.add_field(name=_("Next meetup"), value=coming, inline=False)
    if digest.claims:
        claims = and_more([claim_line(digest, claim) for claim in digest.claims], of=digest.waiting)
        found.add_field(name=_("Waiting for somebody to verify"), value=claims, inline=False)
    if digest.questions:
        questions = and_more([question_line(digest, one) for one in digest.questions], of=digest.asked)
        found.add_field(name=_("Questions to the group"), value=questions, inline=False)
    return found


def mover_line(mover: Mover) -> str:
    lessons = [amount_words(Measure.LESSONS, mover.lessons)] if mover.lessons else []
    return f"<@{mover.user_id}>: {', '.join([*lessons, amount_words(Measure.POINTS, mover.points)])}"


def goal_lines(digest: Digest, progress: GoalProgress) -> str:
    """How far the group was when the week ended; once more in words when the week has reached it."""
    goal = progress.goal
    assert digest.span.ends_at is not None  # noqa: S101 (a week ends)
    last_day = digest.span.ends_at.astimezone(ZoneInfo(digest.group.timezone)) - timedelta(days=1)
    amount = amount_words(goal.measure, goal.count)
    line = _("{reached:,} of {amount}", reached=progress.reached, amount=amount)
    if goal.period is Period.WEEK:
        line = _("{what} last week", what=line)
    elif goal.period is Period.MONTH:
        line = _("{what} in {month}", what=line, month=month(last_day))
    if not digest.goal_just_reached:
        return line
    reached = _("**Reached: {goal}.** Well done, all of you.", goal=goal_words(goal))
    return f"{line}\n{reached}"


def claim_line(digest: Digest, claim: Claim) -> str:
    link = message_link(digest.group.guild_id, claim.channel_id, claim.message_id)
    return f"<@{claim.user_id}>: {shown(claim.lesson)}, {stage_words(claim.stage)} · {link}"


def question_line(digest: Digest, question: Question) -> str:
    line = f"<@{question.user_id}>, {shown(question.project, most=40)}: {shown(question.text, most=80)}"
    if question.channel_id is None or question.message_id is None:
        return line
    return f"{line} · {message_link(digest.group.guild_id, question.channel_id, question.message_id)}"


def and_more(lines: list[str], *, of: int) -> str:
    """As many of these lines as fit, and how many there are beyond them."""
    kept = fitting(lines, room=FIELD_ROOM)
    return "\n".join([*kept, _("and {left} more", left=of - len(kept))] if of > len(kept) else kept)


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Digests(bot))
