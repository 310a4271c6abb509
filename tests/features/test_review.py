"""`/review` as members live it: private, one message, every press once, nothing lost by a restart."""

from datetime import UTC, datetime, timedelta

import discord
from simcord import InteractionResult
from sqlalchemy import update

from bot.db.models import Card, CardMedia, Note, NoteState
from bot.sandbox import World
from tests.features.building import PNG
from tests.features.learning import follow, forged, mark
from tests.features.meeting import both, history
from tests.features.meeting import labels as post_labels
from tests.features.reading import said
from tests.features.reminding import start_at
from tests.features.reviewing import (
    answer,
    card_shown,
    deck,
    grades,
    ids,
    labels,
    log,
    memories,
    press,
    review,
)

# Midday in Berlin, where the group lives.
NOON = datetime(2026, 1, 5, 11, tzinfo=UTC)


def posts(world: World) -> list[discord.Message]:
    """What was said publicly, less the group's welcome."""
    return [message for message in history(world) if "Join" not in post_labels(message)]


async def test_a_session_from_the_first_card_to_its_summary(group_world: World) -> None:
    world = group_world
    await start_at(world, NOON)
    await deck(world, "one", "two", "three")
    shown = await review(world, world.alice)
    assert "one" in card_shown(shown)
    assert "answer to" not in card_shown(shown)
    assert "1 of 3, 3 new" in card_shown(shown)
    assert labels(shown) == ["Show answer", "Undo", "Stop"]
    await press(world.alice, shown, "Show answer")
    assert "answer to one" in card_shown(shown)
    assert labels(shown) == ["Again 1 min", "Hard 6 min", "Good 10 min", "Easy 7 d", "Undo", "Stop"]
    await world.pass_time(seconds=20)
    await press(world.alice, shown, "Good")
    # The other two come before it comes again.
    assert "two" in card_shown(shown)
    assert "answer to" not in card_shown(shown)
    assert "2 of 4, 2 new" in card_shown(shown)
    await answer(world.alice, shown, "Easy", "Again")
    # Nothing else is left, so what comes back within minutes comes now, the earliest first.
    assert "three" in card_shown(shown)
    await answer(world.alice, shown, "Easy")
    assert "one" in card_shown(shown)
    await world.pass_time(minutes=1)
    await answer(world.alice, shown, "Hard", "Easy")
    [three, one, two] = sorted(await memories(world, world.alice), key=lambda one: one.due)
    summary = card_shown(shown)
    assert "6 reviews in 1 minute" in summary
    assert "Again 1, Hard 1, Good 1, Easy 3" in summary
    assert "Due: Today 0, Tue 1, Wed 0, Thu 0, Fri 1, Sat 0, Sun 0" in summary
    begins = three.due.replace(hour=23, minute=0, second=0, microsecond=0) - timedelta(days=1)
    assert f"The next card falls due {both(begins)}." in summary
    assert shown.response is not None
    [picture] = shown.response.attachments
    assert picture.filename == "review.png"
    assert labels(shown) == ["Undo"]
    reviews = await log(world)
    assert [one.grade for one in reviews] == ["good", "easy", "again", "easy", "hard", "easy"]
    assert [one.took_ms for one in reviews] == [20_000, 0, 0, 0, 60_000, 0]
    assert [one.before is None for one in reviews] == [True, True, True, False, False, False]
    assert {one.user_id for one in reviews} == {world.alice.id}
    assert one.reps == 3
    assert two.reps == 1
    # It was private, and the others' cards are as new as ever.
    assert posts(world) == []
    assert "1 of 3, 3 new" in card_shown(await review(world, world.bob))
    nothing = said(await review(world, world.alice))
    assert "Nothing to review in “Berlin” now." in nothing
    assert f"The next card falls due {both(begins)}." in nothing


async def test_a_press_counts_once_however_often_it_arrives(group_world: World) -> None:
    world = group_world
    await deck(world, "one", "two", "three")
    phone = await review(world, world.alice)
    # The same session, on a second device.
    laptop = await review(world, world.alice)
    assert ids(phone) == ids(laptop)
    await press(world.alice, phone, "Show answer")
    await press(world.alice, laptop, "Show answer")
    good = next(one for one in ids(phone) if ":good_" in one)
    again = next(one for one in ids(phone) if ":again_" in one)
    assert phone.response is not None
    assert laptop.response is not None
    await world.alice.click(phone.response, custom_id=good)
    # A client that has not seen the edit yet sends it again, and another grade; so does the laptop.
    for repeated in (good, again):
        stale = await forged(world, "review", int(repeated.split(":")[1]), repeated.split(":")[2])
        await world.alice.click(stale, label="Press")
    await world.alice.click(laptop.response, custom_id=again)
    assert await grades(world, world.alice) == ["good"]
    assert "two" in card_shown(laptop)
    assert ids(laptop) == ids(phone)
    # Showing the answer of the card that was there before shows none of the next.
    await press(world.alice, laptop, "Show answer")
    await press(world.alice, laptop, "Good")
    await press(world.alice, phone, "Show answer")
    assert "three" in card_shown(phone)
    assert "answer to" not in card_shown(phone)
    assert await grades(world, world.alice) == ["good", "good"]


async def test_undo_puts_everything_back_and_asks_again(group_world: World) -> None:
    world = group_world
    [one, _] = await deck(world, "one", "two")
    shown = await review(world, world.alice)
    await answer(world.alice, shown, "Again")
    before = [(m.due, m.stability, m.reps, m.step) for m in await memories(world, world.alice)]
    await answer(world.alice, shown, "Again")
    undo = next(one for one in ids(shown) if ":undo_" in one)
    await press(world.alice, shown, "Undo")
    assert "two" in card_shown(shown)
    assert "2 of 3, 1 new" in card_shown(shown)
    assert [(m.due, m.stability, m.reps, m.step) for m in await memories(world, world.alice)] == before
    assert await grades(world, world.alice) == ["again"]
    # The same press once more takes nothing else back.
    stale = await forged(world, "review", 1, undo.split(":")[2])
    await world.alice.click(stale, label="Press")
    assert await grades(world, world.alice) == ["again"]
    # But another one does, also after a restart.
    await world.restart()
    await press(world.alice, shown, "Undo")
    assert await memories(world, world.alice) == []
    assert "one" in card_shown(shown)
    assert await log(world) == []
    gone = await forged(world, "review", 1, next(i for i in ids(shown) if ":undo_" in i).split(":")[2])
    assert "no grade to take back" in said(await world.alice.click(gone, label="Press"))
    # The summary's Undo goes on with the session.
    await answer(world.alice, shown, "Easy", "Easy")
    assert "2 reviews" in card_shown(shown)
    await press(world.alice, shown, "Undo")
    assert "two" in card_shown(shown)
    await answer(world.alice, shown, "Good")
    assert await grades(world, world.alice) == ["easy", "good"]
    assert {m.card_id for m in await memories(world, world.alice)} == {one, one + 1}


async def test_a_session_goes_on_after_a_restart_of_the_bot(group_world: World) -> None:
    world = group_world
    await deck(world, "one", "two", "three")
    shown = await review(world, world.alice)
    await answer(world.alice, shown, "Easy")
    await world.restart()
    await press(world.alice, shown, "Show answer")
    assert "answer to two" in card_shown(shown)
    await world.restart()
    await press(world.alice, shown, "Easy")
    assert "3 of 3" in card_shown(shown)
    # Discord forgets private messages: then the command goes on where it was.
    again = await review(world, world.alice)
    assert "3 of 3" in card_shown(again)
    assert ids(again) == ids(shown)
    await press(world.alice, again, "Stop")
    assert "2 reviews" in card_shown(again)
    assert "1 card is still waiting for today: `/review` goes on." in card_shown(again)
    # A session that was stopped is over; the old message says so too.
    await press(world.alice, shown, "Show answer")
    assert "2 reviews" in card_shown(shown)
    new = await review(world, world.alice)
    assert "1 of 1" in card_shown(new)
    # And one that rested for a night is counted from the beginning.
    await world.pass_time(hours=13)
    assert ids(await review(world, world.alice)) != ids(new)


async def test_only_its_own_member_can_press(group_world: World) -> None:
    world = group_world
    await deck(world, "one", "two")
    mine = await review(world, world.alice)
    await review(world, world.bob)
    for verb in ("show_0", "good_0", "undo_0", "stop", "ask_1", "keep_1", "nonsense", "dance_3"):
        refused = await world.bob.click(await forged(world, "review", 1, verb), label="Press")
        assert [one.ephemeral for one in refused.followups] == [True]
        assert "This review is somebody else’s" in said(refused), verb
        assert "one" not in said(refused)
    unknown = await world.alice.click(await forged(world, "review", 999, "good_0"), label="Press")
    assert "This review is somebody else’s" in said(unknown)
    assert await log(world) == []
    # Whoever left the group reviews its cards no more.
    await press(world.alice, mine, "Show answer")
    await world.alice.slash(world.channel, "group leave")
    refused = await press(world.alice, mine, "Good")
    assert "its group is not yours any more" in said(refused)
    assert "`/group join`" in said(await review(world, world.alice))
    assert await log(world) == []


async def test_each_deck_and_each_group_has_its_own_cards(group_world: World) -> None:
    world = group_world
    elsewhere = world.guild.create_text_channel("paris")
    await world.organizer.slash(
        world.channel, "group create", name="Paris", timezone="Europe/Paris", channel=elsewhere
    )
    await deck(world, "algebra of paris", name="Algebra", group="Paris")
    await deck(world, "algebra of berlin", name="Algebra")
    await deck(world, "words of berlin", name="Words")
    shown = await review(world, world.alice, deck="words")
    assert "words of berlin" in card_shown(shown)
    assert "1 of 1" in card_shown(shown)
    [choice] = await world.alice.autocomplete(world.channel, "review", "deck", "alg")
    assert "algebra of berlin" in card_shown(await review(world, world.alice, deck=choice["value"]))
    unknown = said(await review(world, world.alice, deck="Spells"))
    assert "Spells" in unknown
    assert "Algebra" in unknown
    # The number of another group's deck is no name here.
    assert "no deck" in said(await review(world, world.alice, deck="1"))
    stranger = await world.alice.slash(elsewhere, "review")
    assert stranger.ephemeral
    assert "Paris" in said(stranger)
    assert "algebra" not in said(stranger)
    await world.alice.slash(elsewhere, "group join")
    assert "algebra of paris" in card_shown(await review(world, world.alice, group="Paris"))
    assert "no group" in said(await review(world, world.alice, group="Rome")).casefold()


async def test_kind_words_when_there_is_nothing_to_do(group_world: World) -> None:
    world = group_world
    await start_at(world, NOON)
    empty = said(await review(world, world.alice))
    assert "There are no cards in “Berlin” yet." in empty
    assert "`/cards add`" in empty
    assert "`/cards starter`" in empty
    await follow(world)
    await deck(world, "first of 1", "second of 1", lesson="image-classification")
    await deck(world, "first of 2", lesson="production-sgd")
    locked = said(await review(world, world.alice))
    assert "3 new cards wait until you have run a lesson (`/lesson done`)" in locked
    assert "2 for **Image classification**, 1 for **Production; SGD from scratch**" in locked
    # Watched is not run, and somebody else's lesson opens nothing.
    await mark(world, world.alice, "1", "watched")
    await mark(world, world.bob, "1")
    assert "3 new cards wait" in said(await review(world, world.alice))
    await mark(world, world.alice, "1")
    shown = await review(world, world.alice)
    assert "1 of 2, 2 new" in card_shown(shown)
    await answer(world.alice, shown, "Easy", "Easy")
    assert "1 new card waits until you have run a lesson" in card_shown(shown)
    # What was learnt stays, even when the lesson is taken back.
    await world.alice.slash(world.channel, "lesson undo", lesson="1")
    await world.pass_time(days=10)
    assert "1 of 1, 0 new" in card_shown(await review(world, world.alice))


async def test_so_many_new_cards_a_day_and_no_more(group_world: World) -> None:
    world = group_world
    await start_at(world, NOON)
    await world.alice.slash(world.channel, "timezone", zone="America/New_York")
    await deck(world, *(f"card {i}" for i in range(13)))
    shown = await review(world, world.alice)
    assert "1 of 10, 10 new" in card_shown(shown)
    await answer(world.alice, shown, *["Easy"] * 10)
    midnight = datetime(2026, 1, 6, 5, tzinfo=UTC)
    assert f"The next card falls due {both(midnight)}." in card_shown(shown)
    assert "You have met your 10 new cards of today; 3 more come on the following days." in card_shown(shown)
    # Another member's day is their own.
    assert "1 of 10, 10 new" in card_shown(await review(world, world.bob))
    await start_at(world, midnight - timedelta(seconds=1))
    assert "Nothing to review" in said(await review(world, world.alice))
    await world.pass_time(seconds=1)
    shown = await review(world, world.alice)
    assert "1 of 3, 3 new" in card_shown(shown)
    # A grade that is taken back gives its new card back.
    await answer(world.alice, shown, "Good")
    await press(world.alice, shown, "Undo")
    assert "1 of 3, 3 new" in card_shown(shown)


async def test_a_card_that_leaves_the_deck_makes_way(group_world: World) -> None:
    world = group_world
    await deck(world, "one", "two")
    shown = await review(world, world.alice)
    async with world.bot.database.write() as session:
        await session.execute(update(Note).where(Note.id == 1).values(state=NoteState.REMOVED))
    await press(world.alice, shown, "Show answer")
    assert "two" in card_shown(shown)
    assert "answer to" not in card_shown(shown)
    async with world.bot.database.write() as session:
        await session.execute(update(Note).values(state=NoteState.REMOVED))
    await press(world.alice, shown, "Show answer")
    assert "There are no cards in “Berlin” yet." in card_shown(shown)


async def test_reviewing_is_a_sign_of_life(group_world: World) -> None:
    world = group_world
    await deck(world, "one")
    await mark_active(world)
    await world.pass_time(days=15)
    back = await review(world, world.alice)
    assert "Good to have you back" in said(back)
    assert "Good to have you back" not in said(await review(world, world.alice))
    await answer(world.alice, back, "Easy")
    assert await grades(world, world.alice) == ["easy"]


async def test_a_cards_images_are_shown_with_its_sides(group_world: World) -> None:
    world = group_world
    [card, _] = await deck(world, "", "words")
    async with world.bot.database.write() as session:
        for name in ("map.png", "key.JPG", "../evil"):
            session.add(CardMedia(group_id=1, name=name, sha256="0" * 64, data=PNG))
        await session.execute(
            update(Card)
            .where(Card.id == card)
            .values(front_media=["map.png", "lost.png"], back_media=["../evil", "key.JPG"])
        )
    shown = await review(world, world.alice)
    assert files(shown) == ["card-1-1.png"]
    await press(world.alice, shown, "Show answer")
    assert files(shown) == ["card-1-1.png", "card-1-2", "card-1-3.jpg"]
    await press(world.alice, shown, "Again")
    assert "words" in card_shown(shown)
    assert files(shown) == []
    # Under the daily post it is the same.
    await world.organizer.slash(world.channel, "cards daily", hour=1)
    await world.pass_time(hours=1)
    [post] = [message for message in history(world) if "Cards of the day" in message.content]
    assert [file.filename for file in post.attachments] == ["card-1-1.png"]
    answered = await world.bob.click(post, label="Show answer 1")
    assert files(answered) == ["card-1-1.png", "card-1-2", "card-1-3.jpg"]


async def test_a_card_graded_under_the_daily_post_is_not_graded_again_in_the_session(
    group_world: World,
) -> None:
    world = group_world
    await deck(world, "one", "two")
    await world.organizer.slash(world.channel, "cards daily", hour=2, count=1)
    shown = await review(world, world.alice)
    await press(world.alice, shown, "Show answer")
    await world.pass_time(hours=1)
    [post] = [message for message in history(world) if "Cards of the day" in message.content]
    private = await world.alice.click(post, label="Show answer")
    await press(world.alice, private, "Again")
    await world.pass_time(minutes=1)
    await press(world.alice, shown, "Easy")
    assert await grades(world, world.alice) == ["again"]
    assert "one" in card_shown(shown)
    # From here on it is asked as what it now is, and the grade under the post stays.
    assert "no grade to take back" in said(
        await world.alice.click(await forged(world, "review", 1, "undo_1"), label="Press")
    )
    await answer(world.alice, shown, "Good")
    assert await grades(world, world.alice) == ["again", "good"]


def files(shown: InteractionResult) -> list[str]:
    assert shown.response is not None
    return [file.filename for file in shown.response.attachments]


async def test_every_grade_counts_on_the_board_and_the_profile(group_world: World) -> None:
    world = group_world
    await deck(world, "one", "two")
    shown = await review(world, world.alice)
    await answer(world.alice, shown, "Again", "Easy", "Easy")
    other = await review(world, world.bob)
    await answer(world.bob, other, "Easy")
    board = said(await world.bob.slash(world.channel, "leaderboard show", by="reviews"))
    assert f"**1.** {world.alice.mention}: 3 reviews" in board
    assert f"**2.** {world.bob.mention}: 1 review" in board
    # What is taken back counts no more.
    await press(world.alice, shown, "Undo")
    why = said(await world.alice.slash(world.channel, "leaderboard why", by="reviews"))
    assert "2" in why.splitlines()[1]
    assert "**one**" in why
    assert "**two**" in why
    profile = said(await world.alice.slash(world.channel, "profile"))
    assert "**Reviews:** 2" in profile


async def mark_active(world: World) -> None:
    await follow(world)
    await mark(world, world.alice, "1")
