"""`/lesson` as members live it: marked, shown to others, verified, taken back."""

import asyncio

import pytest
from sqlalchemy import update

from bot.courses.library import CourseLibrary
from bot.db.models import Delivery, DeliveryState, Membership
from bot.errors import AlreadyVerified
from bot.sandbox import World
from bot.services.access import Caller
from bot.services.lessons import Verified
from bot.ui.text import plain
from tests.features.learning import COURSE, EVIDENCE, follow, mark, marks, offered, reproduce
from tests.features.meeting import history, labels, read
from tests.features.reading import said


@pytest.fixture
async def course_world(group_world: World) -> World:
    """The group of three follows a course of seven lessons."""
    await follow(group_world)
    return group_world


async def test_watching_is_not_doing_and_running_completes_a_lesson(course_world: World) -> None:
    world = course_world
    await mark(world, world.bob, "2")
    watched = await mark(world, world.alice, stage="watched")
    assert watched.ephemeral
    assert "It counts once you ran its notebook" in said(watched)
    assert "**0 of 7** lessons" in said(watched)
    assert "`/lesson done lesson:1 stage:ran`" in said(watched)
    ran = await mark(world, world.alice)
    assert ran.ephemeral
    assert "counts 2 points" in said(ran)
    assert "**1 of 7** lessons" in said(ran)
    assert "`/lesson done lesson:1 stage:reproduced evidence:`" in said(ran)
    listed = await world.alice.slash(world.channel, "lesson list")
    assert listed.ephemeral
    assert "**1 of 7** lessons completed, 2 points" in said(listed)
    lines = said(listed).splitlines()
    assert "**1. Image classification**: watched, ran" in lines
    assert [line for line in lines if line.endswith("not begun")] == [
        line for line in lines if line.startswith(tuple(f"**{number}." for number in range(2, 8)))
    ]
    assert history(world)[1:] == []


async def test_the_default_stage_is_ran_and_a_lesson_has_many_names(course_world: World) -> None:
    world = course_world
    [first, *_] = await world.alice.autocomplete(world.channel, "lesson done", "lesson", "image")
    assert first == {"name": "1. Image classification", "value": f"{COURSE}:image-classification"}
    offered = await world.alice.autocomplete(world.channel, "lesson done", "lesson", "")
    assert [choice["name"].partition(".")[0] for choice in offered] == list("1234567")
    [third] = await world.alice.autocomplete(world.channel, "lesson undo", "lesson", "lesson 3")
    fourth = (await marks_named(world, 4)).casefold()
    for typed in (first["value"], "2", third["value"], fourth, "Lesson 5"):
        answer = await world.alice.slash(world.channel, "lesson done", lesson=typed)
        assert "you ran" in said(answer), typed
    found = await marks(world)
    assert found[0].lesson == "image-classification"
    assert len({one.lesson for one in found}) == 5
    assert {one.stage.value for one in found} == {"ran"}


async def marks_named(world: World, number: int) -> str:
    """The title of a lesson, as its autocomplete label has it."""
    [choice] = [
        choice
        for choice in await world.alice.autocomplete(world.channel, "lesson done", "lesson", "")
        if choice["name"].startswith(f"{number}. ")
    ]
    return str(choice["name"]).partition(". ")[2]


async def test_evidence_is_public_until_another_member_verifies_it_even_after_a_restart(
    course_world: World,
) -> None:
    world = course_world
    await mark(world, world.bob, "1", "ran", evidence="https://example.com/private_note")
    post = await reproduce(world, world.alice)
    assert f"{world.alice.mention} reproduced it: {EVIDENCE}" in read(post)
    assert "1. Image classification: reproduced" in read(post)
    assert labels(post) == ["Verify"]
    assert not post.mentions
    assert not post.content
    assert "counts 4 points from then on" in read(post)
    [bobs, hers] = await marks(world)
    assert bobs.evidence == "https://example.com/private_note"
    assert (hers.counts_at, hers.verified_by) == (None, None)
    assert (hers.post_channel_id, hers.post_message_id) == (world.channel.id, post.id)
    listed = said(await world.alice.slash(world.channel, "lesson list"))
    assert "reproduced (to be verified)" in listed
    assert "**0 of 7**" in listed
    await world.restart()
    await world.pass_time(hours=1)
    assert len(history(world)) == 2
    thanks = await world.bob.click(post, label="Verify")
    assert "It counts 4 points" in said(thanks)
    assert all(message.ephemeral for message in thanks.followups)
    [_, hers] = await marks(world)
    assert (hers.verified_by, hers.verified_at, hers.counts_at) == (world.bob.id, world.now, world.now)
    assert hers.counts_at > hers.marked_at
    shown = history(world)[-1]
    assert f"Verified by {world.bob.mention}" in read(shown)
    assert EVIDENCE in read(shown)
    assert labels(shown) == []
    listed = said(await world.alice.slash(world.channel, "lesson list"))
    assert "**1 of 7** lessons completed, 4 points" in listed
    assert "**1. Image classification**: reproduced\n" in listed


async def test_the_stages_of_a_lesson_add_up(course_world: World) -> None:
    world = course_world
    await mark(world, world.alice)
    for stage, verifier in (
        ("reproduced", world.bob),
        ("own_data", world.organizer),
        ("explained", world.bob),
    ):
        await verifier.click(await reproduce(world, world.alice, stage=stage), label="Verify")
        await world.pass_time(minutes=1)
    listed = said(await world.alice.slash(world.channel, "lesson list"))
    assert "**1 of 7** lessons completed, 18 points" in listed
    assert "ran, reproduced, own data, explained" in listed


async def test_two_press_verify_at_once_and_one_counts(course_world: World) -> None:
    world = course_world
    post = await reproduce(world, world.alice)
    [hers] = await marks(world)
    pressers = [Caller(user_id=who.id, guild_id=world.guild.id) for who in (world.bob, world.organizer)]
    outcomes = await asyncio.gather(
        *(world.bot.services.lessons.verify(caller=caller, mark_id=hers.id) for caller in pressers * 3),
        return_exceptions=True,
    )
    [verified] = [outcome for outcome in outcomes if isinstance(outcome, Verified)]
    assert [type(outcome) for outcome in outcomes].count(AlreadyVerified) == 5
    [hers] = await marks(world)
    assert hers.verified_by == verified.post.mark.verified_by
    # The post lags behind: whoever presses next is told, and sees it as it is.
    late = await world.organizer.click(post, label="Verify")
    assert f"<@{hers.verified_by}> has verified this already" in said(late)
    assert f"Verified by <@{hers.verified_by}>" in read(history(world)[-1])
    assert labels(history(world)[-1]) == []


async def test_undo_takes_back_one_stage_and_its_post(course_world: World) -> None:
    world = course_world
    await mark(world, world.bob)
    await mark(world, world.alice, stage="watched")
    await mark(world, world.alice)
    before = said(await world.alice.slash(world.channel, "lesson list"))
    post = await reproduce(world, world.alice)
    await world.restart()
    answer = await world.alice.slash(world.channel, "lesson undo", lesson="1")
    assert answer.ephemeral
    assert "Taken back: **1. Image classification**, reproduced" in said(answer)
    assert "**1 of 7** lessons" in said(answer)
    withdrawn = history(world)[-1]
    assert withdrawn.id == post.id
    assert "taken back" in read(withdrawn)
    assert EVIDENCE not in read(withdrawn)
    assert labels(withdrawn) == []
    assert said(await world.alice.slash(world.channel, "lesson list")) == before
    # A named stage, and not the highest.
    await world.alice.slash(world.channel, "lesson undo", lesson="1", stage="watched")
    assert [(one.user_id, one.stage.value) for one in await marks(world)] == [
        (world.bob.id, "ran"),
        (world.alice.id, "ran"),
    ]
    await world.alice.slash(world.channel, "lesson undo", lesson="1")
    assert "**0 of 7** lessons" in said(await world.alice.slash(world.channel, "lesson list"))
    # Done again, it is new: it counts from now on.
    await world.pass_time(days=1)
    await mark(world, world.alice)
    assert (await marks(world))[-1].counts_at == world.now


async def test_a_verified_mark_taken_back_has_to_be_verified_again(course_world: World) -> None:
    world = course_world
    first = await reproduce(world, world.alice)
    await world.bob.click(first, label="Verify")
    await world.alice.slash(world.channel, "lesson undo", lesson="1", stage="reproduced")
    assert "taken back" in read(history(world)[-1])
    second = await reproduce(world, world.alice)
    assert second.id != first.id
    [hers] = await marks(world)
    assert (hers.verified_by, hers.counts_at) == (None, None)
    await world.bob.click(second, label="Verify")
    assert (await marks(world))[0].verified_by == world.bob.id


async def test_a_post_that_somebody_deleted_does_not_keep_undo_from_working(course_world: World) -> None:
    world = course_world
    post = await reproduce(world, world.alice)
    world.env.backend.delete_message(post.channel.id, post.id)
    assert "Taken back" in said(await world.alice.slash(world.channel, "lesson undo", lesson="1"))
    assert await marks(world) == []


async def test_evidence_is_asked_about_even_if_the_process_dies_before_it_could_answer(
    course_world: World,
) -> None:
    world = course_world
    await die_before_the_answer(world, "1")
    await world.pass_time(minutes=2)
    again = history(world)[-1]
    assert EVIDENCE in read(again)
    await world.bob.click(again, label="Verify")
    assert f"Verified by {world.bob.mention}" in read(history(world)[-1])
    await world.alice.slash(world.channel, "lesson undo", lesson="1")
    assert "taken back" in read(history(world)[-1])
    # Taken back before anybody was asked: then nobody is.
    before = len(history(world))
    await die_before_the_answer(world, "2")
    await world.alice.slash(world.channel, "lesson undo", lesson="2")
    await world.pass_time(minutes=2)
    assert len(history(world)) == before


async def die_before_the_answer(world: World, lesson: str) -> None:
    """Alice marks a lesson, and the process dies right after the commit: its lease will run out."""
    post = await reproduce(world, world.alice, lesson)
    world.env.backend.delete_message(post.channel.id, post.id)
    async with world.bot.database.write() as session:
        await session.execute(
            update(Delivery)
            .where(Delivery.message_id == post.id)
            .values(state=DeliveryState.CLAIMED, message_id=None, settled_at=None)
        )
    await world.restart()


async def test_half_of_the_course_opens_the_capstone(course_world: World) -> None:
    world = course_world
    for number in "123":
        assert "capstone" not in said(await mark(world, world.alice, number))
    assert "opens at 4 lessons" in said(await world.alice.slash(world.channel, "lesson list"))
    opened = said(await mark(world, world.alice, "4"))
    assert "Half of the course is done" in opened
    assert "`/project start`" in opened
    assert "Half of the course" not in said(await mark(world, world.alice, "5"))
    for command in ("lesson list", "lesson next"):
        assert "is open" in said(await world.alice.slash(world.channel, command))
        assert "opens at 4 lessons" in said(await world.bob.slash(world.channel, command))
    # It may be somebody's press that opens it.
    for number in "123":
        await mark(world, world.bob, number)
    post = await reproduce(world, world.bob, "4")
    await world.alice.click(post, label="Verify")
    assert f"the capstone is open for {world.bob.mention}" in read(history(world)[-1])


async def test_next_tells_all_one_needs_to_begin(course_world: World) -> None:
    world = course_world
    await mark(world, world.alice, stage="watched")
    answer = await world.alice.slash(world.channel, "lesson next")
    assert answer.ephemeral
    text = said(answer)
    [pack] = [pack for pack in CourseLibrary().shipped if pack.id == COURSE]
    lesson = pack.lessons[0]
    assert "Next: 1. Image classification" in text
    for fact in (lesson.summary, *lesson.topics, *(link.url for link in lesson.links)):
        assert plain(fact) in text
    assert f"{lesson.hours:g} h" in text
    assert "No meetup is planned for it" in text
    assert "stage:ran" in text
    for number in range(1, 8):
        await mark(world, world.alice, str(number))
    text = said(await world.alice.slash(world.channel, "lesson next"))
    assert "You have completed every lesson" in text
    assert "**7 of 7**" in text
    assert "Next: 1." in said(await world.bob.slash(world.channel, "lesson next"))


async def test_progress_is_a_picture_with_the_same_facts_in_text(course_world: World) -> None:
    world = course_world
    await mark(world, world.alice)
    await reproduce(world, world.alice)
    answer = await world.alice.slash(world.channel, "lesson progress")
    assert answer.ephemeral
    assert "Alice: " in said(answer)
    assert "ran, reproduced (to be verified)" in said(answer)
    message = answer.response
    assert message is not None
    [file] = message.attachments
    assert "1 of 7 lessons completed" in (file.description or "")
    theirs = await world.bob.slash(world.channel, "lesson progress", member=world.alice)
    assert theirs.ephemeral
    assert "Alice: " in said(theirs)
    assert "**1 of 7**" in said(theirs)
    assert EVIDENCE not in said(theirs)


async def test_whoever_hides_or_leaves_shows_no_progress(course_world: World) -> None:
    world = course_world
    await mark(world, world.alice)
    async with world.bot.database.write() as session:
        await session.execute(
            update(Membership).where(Membership.user_id == world.alice.id).values(hidden=True)
        )
    refused = await world.bob.slash(world.channel, "lesson progress", member=world.alice)
    assert "has no progress to show" in said(refused)
    assert "**1 of 7**" in said(await world.alice.slash(world.channel, "lesson progress"))
    await world.organizer.slash(world.channel, "group leave")
    gone = await world.bob.slash(world.channel, "lesson progress", member=world.organizer)
    assert "has no progress to show" in said(gone)
    stranger = await world.organizer.slash(world.channel, "lesson progress", member=world.bob)
    assert "You are not in" in said(stranger)


async def test_a_member_back_after_two_weeks_is_asked_once_and_in_private(course_world: World) -> None:
    world = course_world
    await mark(world, world.alice)
    await world.pass_time(days=13)
    assert len((await mark(world, world.alice, "2")).followups) == 0
    await world.pass_time(days=15)
    back = await mark(world, world.alice, "3")
    [question] = back.followups
    assert question.ephemeral
    assert offered(question) == ["Shrink plan", "Pause", "Carry on"]
    assert len((await mark(world, world.alice, "4")).followups) == 0
    # A public answer and a press ask as well, and privately.
    await world.pass_time(days=15)
    post = await mark(world, world.alice, stage="explained", evidence=EVIDENCE)
    assert not post.ephemeral
    [question] = post.followups
    assert question.ephemeral
    await mark(world, world.bob)
    await world.pass_time(days=15)
    pressed = await world.bob.click(history(world)[-1], label="Verify")
    assert [offered(message) for message in pressed.followups][-1] == ["Shrink plan", "Pause", "Carry on"]
