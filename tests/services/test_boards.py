"""Boards against a naive model: whatever happened, in whatever order, around every edge of the calendar."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.db.models import Group, Stage
from bot.errors import GoalUnreadable
from bot.services.access import Caller
from bot.services.boards import Goal, Measure, Period, goal_progress, parse_goal, period_bounds, set_goal
from bot.services.boards.service import MOST_REASONS
from tests.services.stories import (
    BERLIN,
    GUILD,
    PEOPLE,
    ZONES,
    Mark,
    Shelf,
    Story,
    Thanked,
    expected,
    places,
    stories,
    tallies,
)


@pytest.fixture
def shelf(database_url: str) -> Iterator[Shelf]:
    shelf = Shelf(database_url)
    yield shelf
    shelf.close()


def test_boards_count_like_a_naive_model(shelf: Shelf) -> None:
    @settings(max_examples=shelf.examples, deadline=None)
    @given(stories())
    def check(story: Story) -> None:
        assert places(shelf.run(shelf.board(story))) == expected(story)

    check()


def test_the_order_in_which_things_were_written_changes_nothing(shelf: Shelf) -> None:
    @settings(max_examples=shelf.examples // 4, deadline=None)
    @given(stories(), st.randoms(use_true_random=False))
    def check(story: Story, chance: random.Random) -> None:
        events = list(story.events)
        chance.shuffle(events)
        shuffled = replace(story, events=tuple(events))
        assert places(shelf.run(shelf.board(story))) == places(shelf.run(shelf.board(shuffled)))

    check()


def test_the_sum_of_why_is_the_number_on_the_board(shelf: Shelf) -> None:
    @settings(max_examples=shelf.examples // 2, deadline=None)
    @given(stories())
    def check(story: Story) -> None:
        facts = shelf.run(shelf.board(story))
        instants = {
            user_id: sorted(tally.instants, reverse=True) for user_id, tally in tallies(story).items()
        }
        for place in facts.places:
            caller = Caller(user_id=place.user_id, guild_id=GUILD)
            asked = shelf.boards.why(
                caller=caller, typed=str(facts.group.id), measure=story.measure, period=story.period
            )
            why = shelf.run(asked)
            assert why.score == place.score
            assert why.count == len(instants[place.user_id])
            assert sum(reason.amount for reason in why.reasons) == place.score or why.count > MOST_REASONS
            assert [reason.at for reason in why.reasons] == instants[place.user_id][:MOST_REASONS]

    check()


def test_watching_everything_never_outranks_one_verified_reproduction(shelf: Shelf) -> None:
    watcher, reproducer = PEOPLE[:2]
    now = datetime(2026, 11, 18, 12, tzinfo=UTC)

    @settings(max_examples=shelf.examples // 4, deadline=None)
    @given(
        st.sets(st.integers(1, 60)),
        st.sets(st.tuples(st.integers(1, 60), st.sampled_from([Stage.REPRODUCED, Stage.EXPLAINED]))),
        st.sampled_from([Measure.LESSONS, Measure.POINTS]),
        st.sampled_from(Period),
    )
    def check(watched: set[int], claimed: set[tuple[int, Stage]], measure: Measure, period: Period) -> None:
        events = (
            *(Mark(watcher, lesson, Stage.WATCHED, None) for lesson in watched),
            *(Mark(watcher, lesson, stage, None) for lesson, stage in claimed),
            Mark(reproducer, 1, Stage.REPRODUCED, now),
        )
        facts = shelf.run(shelf.board(Story(measure=measure, period=period, now=now, events=events)))
        assert [place.user_id for place in facts.places] == [reproducer]

    check()


def test_callers_see_the_top_and_their_own_surroundings(shelf: Shelf) -> None:
    now = datetime(2026, 11, 18, 12, tzinfo=UTC)
    members = PEOPLE[:-1]

    @settings(max_examples=shelf.examples // 4, deadline=None)
    @given(st.lists(st.integers(0, 3), min_size=len(members), max_size=len(members)), st.sampled_from(PEOPLE))
    def check(scores: list[int], caller: int) -> None:
        thanked = [user_id for user_id, score in zip(members, scores, strict=True) for _ in range(score)]
        events = tuple(Thanked(user_id, now - timedelta(minutes=n)) for n, user_id in enumerate(thanked))
        story = Story(measure=Measure.KUDOS, period=Period.ALL, now=now, events=events)
        everybody = expected(story)
        order = [user_id for _, user_id, _ in everybody]
        mine = order.index(caller) if caller in order else -100
        facts = shelf.run(shelf.board(story, user_id=caller))
        assert places(facts) == [row for n, row in enumerate(everybody) if n < 10 or abs(n - mine) <= 2]
        gaps = [order.index(place.user_id) for place in facts.places if place.apart]
        assert gaps == ([mine - 2] if mine - 2 > 10 else [])
        assert facts.size == len(everybody)
        assert (facts.absence is None) == (caller in order)

    check()


def test_a_goal_counts_what_everybody_did_shown_or_not(shelf: Shelf) -> None:
    async def reached(story: Story) -> int:
        group_id = await shelf.tell(story)
        async with shelf.database.read() as session:
            group = await session.get(Group, group_id)
            assert group is not None
            set_goal(group, Goal(count=7, measure=story.measure, period=story.period))
            progress = await goal_progress(session, group, now=story.now)
            assert progress is not None
            return progress.reached

    @settings(max_examples=shelf.examples // 4, deadline=None)
    @given(stories())
    def check(story: Story) -> None:
        assert shelf.run(reached(story)) == sum(tally.score for tally in tallies(story).values())

    check()


# Pure pieces.


@given(st.sampled_from(ZONES), st.datetimes(datetime(2020, 1, 1), datetime(2037, 1, 1)))  # noqa: DTZ001
def test_every_instant_lies_in_its_own_week_and_month(name: str, naive: datetime) -> None:
    zone, now = ZoneInfo(name), naive.replace(tzinfo=UTC)
    for period in (Period.WEEK, Period.MONTH):
        span = period_bounds(period, now, zone)
        assert span.starts_at is not None
        assert span.ends_at is not None
        assert span.starts_at <= now < span.ends_at
        begins, before = span.starts_at.astimezone(zone), (span.starts_at - timedelta(microseconds=1))
        assert before.astimezone(zone).date() < begins.date()
        assert begins.weekday() == 0 or period is Period.MONTH
        assert begins.day == 1 or period is Period.WEEK
        # The next one begins where this one ends.
        assert period_bounds(period, span.ends_at, zone).starts_at == span.ends_at


def test_a_week_with_a_clock_change_has_an_hour_more_or_less() -> None:
    hours = [
        (span.ends_at - span.starts_at) / timedelta(hours=1)
        for day in (datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC))
        for span in [period_bounds(Period.WEEK, day, BERLIN)]
        if span.starts_at is not None and span.ends_at is not None
    ]
    assert hours == [7 * 24 - 1, 7 * 24 + 1]


@pytest.mark.parametrize(
    ("typed", "goal"),
    [
        ("40 lessons", (40, "lessons", "all")),
        (" 40  Lessons a month ", (40, "lessons", "month")),
        ("1 lesson", (1, "lessons", "all")),
        ("100 points this week", (100, "points", "week")),
        ("100 points/week", (100, "points", "week")),
        ("12 meetups per month", (12, "meetups", "month")),
        ("3 projects in all", (3, "projects", "all")),
        ("10 kudos each week", (10, "kudos", "week")),
        ("30 lessons weekly", (30, "lessons", "week")),
        ("20 a week", (20, "lessons", "week")),
        ("20", (20, "lessons", "all")),
        ("４０ lessons", (40, "lessons", "all")),
    ],
)
def test_goals_are_read_as_people_type_them(typed: str, goal: tuple[int, str, str]) -> None:
    count_, measure, period = goal
    assert parse_goal(typed) == Goal(count=count_, measure=Measure(measure), period=Period(period))


@pytest.mark.parametrize("typed", ["none", " None ", "off", "no goal"])
def test_a_goal_can_be_taken_away(typed: str) -> None:
    assert parse_goal(typed) is None


@pytest.mark.parametrize(
    "typed",
    ["", "lots", "0", "-3 lessons", "1.5 lessons", "40 pages", "40 lessons by June", "lessons 40", "1000001",
     "9" * 50, "40 lessons a week a month", "40 lessons; DROP TABLE groups"],
)  # fmt: skip
def test_other_goals_are_refused(typed: str) -> None:
    with pytest.raises(GoalUnreadable) as refused:
        parse_goal(typed)
    assert len(refused.value.typed) <= 100
