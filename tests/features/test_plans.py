"""`/plan` as members live it: what is left, until when, and whether it fits; and the choice after a pause."""

from datetime import date
from pathlib import Path

import pytest
from simcord import InteractionResult
from sqlalchemy import select, update

from bot.db.models import Project, ProjectStage, ProjectState, StudyPlan
from bot.errors import BadNumber
from bot.sandbox import World
from bot.services.access import Caller
from tests.features.learning import follow, forged, mark, offered, reproduce
from tests.features.meeting import history, read
from tests.features.reading import said

# The world's clock starts on 2026-01-01 00:00 UTC; the course takes 7 lessons of 9 hours and 117 for the end.
WEEKS_12 = "2026-03-26"


@pytest.fixture
async def course_world(group_world: World) -> World:
    """The group of three follows a course of seven lessons; Bob has a plan of his own."""
    await follow(group_world)
    await plan(group_world, who="bob", hours_per_week=77, deadline="in 3 weeks")
    return group_world


async def plan(world: World, *, who: str = "alice", **options: object) -> InteractionResult:
    answer = await getattr(world, who).slash(world.channel, "plan", **options)
    assert answer.ephemeral
    return answer


async def plans(world: World) -> dict[int, StudyPlan]:
    async with world.bot.database.read() as session:
        return {row.user_id: row for row in await session.scalars(select(StudyPlan))}


async def test_the_plan_of_the_course_facts(group_world: World) -> None:
    """Somebody's real plan: 7.4 points and $367, 185 % of what one can carry in twelve weeks."""
    world = group_world
    path = Path(__file__).parents[1] / "courses" / "study-plan.yaml"
    file = (path.name, path.read_bytes())
    imported = await world.organizer.slash(world.channel, "course import", file=file)
    assert "study-plan" in said(imported)
    await world.organizer.slash(world.channel, "group edit", course="study-plan")
    text = said(await plan(world, hours_per_week=40, deadline="in 12 weeks"))
    assert "**7.4 points** (888 hours), and **$367**" in text
    assert "185 % of the time you have" in text
    assert "it takes 74 hours a week" in text
    # 22 weeks and a day and a half.
    assert "you finish on **Saturday 6 June 2026**" in text


async def test_hours_and_deadline_are_kept_and_shown_again(course_world: World) -> None:
    world = course_world
    empty = said(await plan(world))
    assert "**1.5 points** (180 hours)" in empty
    assert "`/plan hours_per_week:7 deadline:in 12 weeks`" in empty
    assert "$" not in empty
    assert "77" not in empty
    hours = said(await plan(world, hours_per_week=20))
    assert "You plan 20 hours a week" in hours
    assert "you finish on **Thursday 5 March 2026**." in hours
    both = said(await plan(world, deadline=WEEKS_12))
    assert "you finish on **Thursday 5 March 2026**, in time for that" in both
    assert "**75 % of the time you have**, so it fits" in both
    assert "Your deadline is on **Thursday 26 March 2026**; until then it takes 15 hours a week" in both
    assert said(await plan(world)) == both
    await world.restart()
    assert said(await plan(world)) == both
    tight = said(await plan(world, hours_per_week=10))
    assert "**150 % of the time you have**, so something has to give" in tight
    assert "42 days later than that" in tight
    without = said(await plan(world, deadline="none"))
    assert "deadline" not in without
    assert "You plan 10 hours" in without


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("in 12 weeks", "Thursday 26 March 2026"),
        ("30 june", "Tuesday 30 June 2026"),
        ("2026-06-30", "Tuesday 30 June 2026"),
        ("30.6.2026 18:00", "Tuesday 30 June 2026"),
        ("tomorrow", "Friday 2 January 2026"),
        ("<t:1782828000:D>", "Tuesday 30 June 2026"),
    ],
)
async def test_a_deadline_is_typed_as_every_time_is_or_as_a_day(
    course_world: World, typed: str, day: str
) -> None:
    assert f"Your deadline is on **{day}**" in said(await plan(course_world, deadline=typed))


async def test_what_is_no_deadline_and_what_are_no_hours_is_refused(course_world: World) -> None:
    world = course_world
    await plan(world, hours_per_week=10, deadline="in 12 weeks")
    before = said(await plan(world))
    for typed, words in {
        "yesterday": "A deadline has to be tomorrow or later, and “yesterday” is not",
        "2020-01-01": "“2020-01-01” is not",
        "today": "“today” is not",
        "in 2 hours": "“in 2 hours” is not",
        "<t:-62135596800>": "is not",
        "soonish": "I can't read “soonish” as a date",
        "x" * 3000: "as a date",
        "03/04": "more than one way",
        "2036-01-01": "more than five years",
    }.items():
        answer = said(await plan(world, deadline=typed, hours_per_week=30))
        assert words in answer
        assert len(answer) < 500
    service = world.bot.services.plans
    for hours in (0, -1, 81, 10**9):
        with pytest.raises(BadNumber):
            await service.change(
                caller=Caller(user_id=world.alice.id, guild_id=world.guild.id),
                typed=None,
                hours_per_week=hours,
                deadline=None,
            )
    assert said(await plan(world)) == before


async def test_a_plan_needs_a_course_and_a_member(group_world: World) -> None:
    world = group_world
    for options in ({}, {"hours_per_week": 10}, {"deadline": "in 12 weeks"}):
        assert "follows no course" in said(await plan(world, **options))
    await follow(world)
    await world.bob.slash(world.channel, "group leave")
    for options in ({}, {"hours_per_week": 10}, {"deadline": "in 12 weeks"}):
        assert "You are not in “Berlin”" in said(await plan(world, who="bob", **options))
    assert await plans(world) == {}


async def test_what_is_done_is_left_no_more_and_the_real_pace_counts_from_the_second_lesson(
    course_world: World,
) -> None:
    world = course_world
    await plan(world, hours_per_week=20)
    for number in "123":
        await mark(world, world.bob, number)
    await mark(world, world.alice, stage="watched")
    assert "(180 hours)" in said(await plan(world))
    await mark(world, world.alice)
    one = said(await plan(world))
    assert "(171 hours)" in one
    assert "So far" not in one
    await world.pass_time(days=14)
    # It counts once somebody verified it.
    post = await reproduce(world, world.alice, "2")
    assert "(171 hours)" in said(await plan(world))
    await world.bob.click(post, label="Verify")
    two = said(await plan(world))
    assert "(162 hours)" in two
    assert "So far you do 4.5 hours a week" in two
    # 36 weeks from 15 January on.
    assert "you finish on **Thursday 24 September 2026**" in two
    await world.alice.slash(world.channel, "lesson undo", lesson="2")
    assert "(171 hours)" in said(await plan(world))


async def test_the_capstone_is_left_until_a_project_is_shipped_in_this_group(course_world: World) -> None:
    world = course_world
    for number in range(1, 8):
        await mark(world, world.alice, str(number))
    assert "(117 hours)" in said(await plan(world))
    async with world.bot.database.write() as session:
        session.add_all(
            Project(
                guild_id=world.guild.id,
                group_id=1,
                user_id=user.id,
                title="Bears",
                goal="Tell them apart",
                stage=ProjectStage.DEMO,
                state=state,
                started_at=world.now,
                updated_at=world.now,
            )
            for user, state in ((world.alice, ProjectState.ACTIVE), (world.bob, ProjectState.SHIPPED))
        )
    assert "(117 hours)" in said(await plan(world))
    async with world.bot.database.write() as session:
        await session.execute(update(Project).values(state=ProjectState.SHIPPED))
    assert "Nothing is left to do" in said(await plan(world))


async def test_the_last_meetup_of_the_course_serves_as_deadline(group_world: World) -> None:
    world = group_world
    await world.organizer.slash(
        world.channel, "course start", course="fastai-2019", first="2026-01-08 19:00", every="weekly"
    )
    text = said(await plan(world))
    assert "The group’s last meetup of the course is on **Thursday 19 February 2026**" in text
    assert "takes 25.7 hours a week" in text
    assert "`/plan hours_per_week:7" in text
    text = said(await plan(world, hours_per_week=20))
    assert "**129 % of the time you have**" in text
    own = said(await plan(world, deadline=WEEKS_12))
    assert "last meetup" not in own
    assert "**75 % of the time you have**" in own
    assert "Group meets for it <t:1767895200:F>" in said(
        await world.alice.slash(world.channel, "lesson next")
    )
    await world.pass_time(days=8)
    progress = said(await world.alice.slash(world.channel, "lesson progress"))
    assert "The group has met for 1 of 7 lessons" in progress
    assert "group: Thu 8 Jan 2026" in progress
    await world.pass_time(days=200)
    assert "Your deadline was Thursday 26 March 2026" in said(await plan(world))


# Back after two quiet weeks


async def comeback(world: World) -> InteractionResult:
    """Alice is quiet for three weeks and then marks a lesson."""
    await mark(world, world.alice)
    await world.pass_time(days=21)
    return await mark(world, world.alice, "2")


async def test_shrink_halves_the_hours_once_and_moves_the_deadline_so_that_it_fits(
    course_world: World,
) -> None:
    world = course_world
    await plan(world, hours_per_week=11, deadline="2026-06-01")
    question = (await comeback(world)).followups[0]
    await world.restart()
    answer = await world.alice.click(question, label="Shrink plan")
    text = read(answer.response)
    assert "Your plan is 5 hours a week now instead of 11 hours" in text
    # 162 hours at 5 a week from 22 January on.
    assert "moves from Monday 1 June 2026 to **Sunday 6 September 2026**" in text
    assert offered(answer.response) == []
    assert "100 % of the time you have**, so it fits" in said(await plan(world))
    # The same choice again, as a client sends it that has not seen the first one's effect.
    again = await world.alice.click(await forged(world, "comeback", 1, "shrink"), label="Press")
    assert "Your plan is 5 hours a week now." in read(history(world)[-1]), said(again)
    found = await plans(world)
    assert (found[world.alice.id].hours_per_week, found[world.bob.id].hours_per_week) == (5, 77)
    # After another pause there may be another shrinking, to one hour at least; what cannot fit goes.
    await plan(world, hours_per_week=1)
    await world.pass_time(days=20)
    question = (await mark(world, world.alice, "3")).followups[0]
    answer = await world.alice.click(question, label="Shrink plan")
    assert "Your plan is 1 hour a week now." in read(answer.response)
    assert (await plans(world))[world.alice.id].deadline == date(2029, 1, 17)


async def test_pause_stops_every_warning_until_resume(course_world: World) -> None:
    world = course_world
    await plan(world, hours_per_week=5, deadline="in 12 weeks")
    assert "300 %" in said(await plan(world))
    question = (await comeback(world)).followups[0]
    answer = await world.alice.click(question, label="Pause")
    assert "Your plan rests now" in read(answer.response)
    paused_at = world.now
    await world.pass_time(days=3)
    paused = await plan(world)
    assert f"paused since <t:{int(paused_at.timestamp())}:F>" in said(paused)
    assert "%" not in said(paused)
    assert "deadline" not in said(paused).replace("deadline:in 12 weeks", "")
    assert paused.response is not None
    assert offered(paused.response) == ["Resume"]
    resumed = await world.alice.click(paused.response, label="Resume")
    assert resumed.response is not None
    assert "You plan 5 hours a week" in read(resumed.response)
    assert "of the time you have" in read(resumed.response)
    assert offered(resumed.response) == []
    # Naming hours wakes it up as well.
    await world.alice.click(await forged(world, "comeback", 1, "pause"), label="Press")
    assert "paused" in said(await plan(world))
    assert "paused" not in said(await plan(world, hours_per_week=6))
    assert (await plans(world))[world.bob.id].paused_at is None


async def test_carry_on_changes_nothing_and_nothing_to_shrink_is_said_kindly(course_world: World) -> None:
    world = course_world
    question = (await comeback(world)).followups[0]
    answer = await world.alice.click(question, label="Carry on")
    assert "Everything stays as it is" in read(answer.response)
    assert world.alice.id not in await plans(world)
    await world.alice.click(await forged(world, "comeback", 1, "shrink"), label="Press")
    assert "names no hours yet" in read(history(world)[-1])


async def test_hours_shrink_without_a_course_too(group_world: World) -> None:
    world = group_world
    async with world.bot.database.write() as session:
        session.add(
            StudyPlan(group_id=1, user_id=world.alice.id, hours_per_week=9, deadline=date(2026, 2, 1))
        )
    await world.alice.click(await forged(world, "comeback", 1, "shrink"), label="Press")
    assert "Your plan is 4 hours a week now instead of 9 hours. `/plan`" in read(history(world)[-1])
    assert (await plans(world))[world.alice.id].deadline == date(2026, 2, 1)


async def test_the_choice_is_for_members_of_the_group_alone(course_world: World) -> None:
    world = course_world
    before = {user: (row.hours_per_week, row.paused_at) for user, row in (await plans(world)).items()}
    carol = world.guild.add_member(world.env.create_user("carol"))
    for verb in ("shrink", "pause", "resume"):
        refused = await carol.click(await forged(world, "comeback", 1, verb), label="Press")
        assert "You are not in “Berlin”" in said(refused)
    for id, verb in ((99, "pause"), (1, "delete"), (10**19, "pause")):
        refused = await world.alice.click(await forged(world, "comeback", id, verb), label="Press")
        assert refused.followups[-1].ephemeral if refused.followups else refused.ephemeral
        assert "Something went wrong" not in said(refused)
    assert {user: (row.hours_per_week, row.paused_at) for user, row in (await plans(world)).items()} == before
