"""What a member's reviewing came to, in words; the picture beside them shows the same."""

import discord

from bot.locales import _
from bot.locales.writing import short_month
from bot.rendering.painter import Painter
from bot.rendering.review_cards import MonthRecall, ReviewStats
from bot.services.boards import Measure
from bot.services.reviews import Month, Stats
from bot.ui.answers import Reply
from bot.ui.boards import COLOUR, amount_words
from bot.ui.pictures import picture
from bot.ui.text import shown

FORECAST_WEEK = 7


async def stats_reply(painter: Painter, stats: Stats) -> Reply:
    if stats.reviews == 0 and not any(stats.forecast):
        group = shown(stats.group.name)
        return Reply(_("You have reviewed nothing in **{group}** yet. `/review` begins.", group=group))
    files = await picture(
        painter,
        ReviewStats(
            title=stats.name or stats.group.name,
            subtitle=_("{group}, {reviews} in a year", group=stats.group.name, reviews=counted(stats)),
            months=tuple(MonthRecall(month=month.first, share=share(month)) for month in stats.months),
            wanted=stats.wishes.retention,
            coming=tuple(stats.forecast),
            days=tuple(stats.days),
            until=stats.today,
        ),
        theme=stats.group.theme,
        name="stats",
        alt=f"{recall_words(stats)} {forecast_words(stats)} {day_words(stats)}",
    )
    title = _("{group}: your reviews", group=shown(stats.group.name))
    embed = discord.Embed(title=title, colour=COLOUR)
    embed.add_field(name=_("Recalled by month"), value=recall_words(stats), inline=False)
    due = _("Due in the next {days} days", days=len(stats.forecast))
    embed.add_field(name=due, value=forecast_words(stats), inline=False)
    embed.add_field(name=_("Day by day"), value=day_words(stats), inline=False)
    if files:
        embed.set_image(url=f"attachment://{files[0].filename}")
    return Reply(embeds=[embed], files=files)


def recall_words(stats: Stats) -> str:
    """ "Oct 91 % of 120, Nov 88 % of 64": of cards beyond their learning steps, where a month has any."""
    months = [
        _(
            "{month} {share:.0f} % of {reviews:,}",
            month=short_month(month.first),
            share=100 * month.recalled / month.reviews,
            reviews=month.reviews,
        )
        for month in stats.months
        if month.reviews
    ]
    retention = 100 * stats.wishes.retention
    wanted = _("You want {share:.0f}%; `/cards settings` changes that.", share=retention)
    recalled = f"{', '.join(months)}." if months else _("No card is beyond its first steps yet.")
    return f"{recalled} {wanted}"


def forecast_words(stats: Stats) -> str:
    days = stats.forecast
    starts = range(0, len(days), FORECAST_WEEK)
    ends = [min(start + FORECAST_WEEK, len(days)) for start in starts]
    weeks = ", ".join(
        _("{cards:,} in days {first}–{last}", cards=sum(days[start:end]), first=start + 1, last=end)
        for start, end in zip(starts, ends, strict=True)
    )
    return _("{all:,} in all, {today:,} of them today: {weeks}.", all=sum(days), today=days[0], weeks=weeks)


def day_words(stats: Stats) -> str:
    active = sum(count > 0 for count in stats.days)
    words = _(
        "{reviews} on {active} of the last {days} days",
        reviews=counted(stats),
        active=active,
        days=len(stats.days),
    )
    return (
        _("{words}, at most {most:,} on one.", words=words, most=max(stats.days)) if active else f"{words}."
    )


def share(month: Month) -> float | None:
    return month.recalled / month.reviews if month.reviews else None


def counted(stats: Stats) -> str:
    return amount_words(Measure.REVIEWS, stats.reviews)
