"""What a member's reviewing came to, in words; the picture beside them shows the same."""

import discord

from bot.rendering.painter import Painter
from bot.rendering.review_cards import MonthRecall, ReviewStats
from bot.services.reviews import Month, Stats
from bot.ui.answers import Reply
from bot.ui.boards import COLOUR
from bot.ui.pictures import picture
from bot.ui.text import shown

NOTHING = "You have reviewed nothing in **{group}** yet. `/review` begins."
FORECAST_WEEK = 7


async def stats_reply(painter: Painter, stats: Stats) -> Reply:
    if stats.reviews == 0 and not any(stats.forecast):
        return Reply(NOTHING.format(group=shown(stats.group.name)))
    files = await picture(
        painter,
        ReviewStats(
            title=stats.name or stats.group.name,
            subtitle=f"{stats.group.name}, {counted(stats.reviews)} in a year",
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
    embed = discord.Embed(title=f"{shown(stats.group.name)}: your reviews", colour=COLOUR)
    embed.add_field(name="Recalled by month", value=recall_words(stats), inline=False)
    embed.add_field(
        name=f"Due in the next {len(stats.forecast)} days", value=forecast_words(stats), inline=False
    )
    embed.add_field(name="Day by day", value=day_words(stats), inline=False)
    if files:
        embed.set_image(url=f"attachment://{files[0].filename}")
    return Reply(embeds=[embed], files=files)


def recall_words(stats: Stats) -> str:
    """ "Oct 91 % of 120, Nov 88 % of 64": of cards beyond their learning steps, where a month has any."""
    months = [
        f"{month.first:%b} {100 * month.recalled / month.reviews:.0f} % of {month.reviews:,}"
        for month in stats.months
        if month.reviews
    ]
    wanted = f"You want {stats.wishes.retention:.0%}; `/cards settings` changes that."
    return f"{', '.join(months)}. {wanted}" if months else f"No card is beyond its first steps yet. {wanted}"


def forecast_words(stats: Stats) -> str:
    days = stats.forecast
    starts = range(0, len(days), FORECAST_WEEK)
    ends = [min(start + FORECAST_WEEK, len(days)) for start in starts]
    weeks = ", ".join(
        f"{sum(days[start:end]):,} in days {start + 1}–{end}" for start, end in zip(starts, ends, strict=True)
    )
    return f"{sum(days):,} in all, {days[0]:,} of them today: {weeks}."


def day_words(stats: Stats) -> str:
    active = sum(count > 0 for count in stats.days)
    words = f"{counted(stats.reviews)} on {active} of the last {len(stats.days)} days"
    return f"{words}, at most {max(stats.days):,} on one." if active else f"{words}."


def share(month: Month) -> float | None:
    return month.recalled / month.reviews if month.reviews else None


def counted(reviews: int) -> str:
    return "1 review" if reviews == 1 else f"{reviews:,} reviews"
