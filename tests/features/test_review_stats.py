"""`/cards stats` as members see it: their own numbers, in words and as a picture."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from bot.db.models import CardMemory, Review
from bot.sandbox import World
from tests.features.reading import said
from tests.features.reminding import start_at
from tests.features.reviewing import answer, deck, review

NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)
DAY = timedelta(days=1)


async def reviewed(world: World, user_id: int, at: datetime, grade: str, phase: str | None) -> None:
    """One line of the log, as the bot writes it."""
    async with world.bot.database.write() as session:
        await session.execute(
            insert(Review),
            [
                {
                    "user_id": user_id,
                    "group_id": 1,
                    "card_id": 1,
                    "grade": grade,
                    "reviewed_at": at,
                    "before": {"phase": phase} if phase is not None else None,
                }
            ],
        )


async def remembers(world: World, user_id: int, card_id: int, due: datetime) -> None:
    async with world.bot.database.write() as session:
        session.add(
            CardMemory(
                user_id=user_id,
                card_id=card_id,
                group_id=1,
                due=due,
                stability=5.0,
                difficulty=5.0,
                phase="review",
                reps=3,
                lapses=0,
                last_review=due - DAY,
            )
        )


async def test_recall_by_month_the_days_to_come_and_the_year_behind(group_world: World) -> None:
    world = group_world
    await start_at(world, NOON)
    await deck(world, "one", "two", "three", "four")
    alice = world.alice.id
    january, february = datetime(2026, 1, 10, 12, tzinfo=UTC), datetime(2026, 2, 10, 12, tzinfo=UTC)
    for at, grade, phase in (
        (january, "again", "review"),
        (january, "hard", "review"),
        (january, "again", "learning"),
        (january, "good", None),
        # In Berlin this is the first of February.
        (datetime(2026, 1, 31, 23, 30, tzinfo=UTC), "good", "review"),
        (february, "easy", "review"),
        (february, "again", "relearning"),
        (february, "again", "review"),
        # Beyond a year.
        (NOON - 400 * DAY, "again", "review"),
    ):
        await reviewed(world, alice, at, grade, phase)
    for _ in range(7):
        await reviewed(world, world.bob.id, february, "again", "review")
    for card_id, days in ((1, -3), (2, 0), (3, 8), (4, 40)):
        await remembers(world, alice, card_id, NOON + days * DAY)
    await remembers(world, world.bob.id, 1, NOON + DAY)
    shown = await world.alice.slash(world.channel, "cards stats")
    assert shown.ephemeral
    words = said(shown)
    assert "Jan 50 % of 2, Feb 67 % of 3. You want 90%" in words
    assert "3 in all, 2 of them today: 2 in days 1–7, 1 in days 8–14, 0 in days 15–21, " in words
    assert "0 in days 22–28, 0 in days 29–30." in words
    assert "8 reviews on 3 of the last 365 days, at most 4 on one." in words
    assert shown.response is not None
    [picture] = shown.response.attachments
    assert picture.filename == "stats.png"
    # Undone grades are gone from it too, and a wish is told.
    await world.alice.slash(world.channel, "cards settings", retention=95)
    assert "You want 95%" in said(await world.alice.slash(world.channel, "cards stats"))


async def test_before_the_first_review_and_right_after_it(group_world: World) -> None:
    world = group_world
    nothing = await world.alice.slash(world.channel, "cards stats")
    assert nothing.ephemeral
    assert "You have reviewed nothing in **Berlin** yet. `/review` begins." in said(nothing)
    await deck(world, "one")
    shown = await review(world, world.alice)
    await answer(world.alice, shown, "Easy")
    words = said(await world.alice.slash(world.channel, "cards stats"))
    assert "No card is beyond its first steps yet. You want 90%" in words
    assert "1 review on 1 of the last 365 days, at most 1 on one." in words
    assert "You have reviewed nothing" in said(await world.bob.slash(world.channel, "cards stats"))
    await world.bob.slash(world.channel, "group leave")
    assert "`/group join`" in said(await world.bob.slash(world.channel, "cards stats"))
    assert "no group" in said(await world.alice.slash(world.channel, "cards stats", group="Rome")).casefold()
