"""`/lesson` and its Verify button with what cannot be: each is refused privately, and changes nothing."""

import pytest
from simcord import InteractionResult

from bot.sandbox import World
from tests.features.learning import EVIDENCE, follow, forged, mark, marks, reproduce
from tests.features.meeting import history, labels, read
from tests.features.reading import said


@pytest.fixture
async def course_world(group_world: World) -> World:
    await follow(group_world)
    return group_world


def refused(answer: InteractionResult) -> str:
    """The refusal, which only its reader sees: a press acknowledges first, then answers."""
    message = answer.followups[-1] if answer.followups else answer.response
    assert message is not None
    assert message.ephemeral
    assert "Something went wrong" not in said(answer)
    return said(answer)


async def test_a_lesson_of_another_course_is_refused_with_the_one_that_is_meant(course_world: World) -> None:
    world = course_world
    for typed in ("fastai-2022:1", "math-prerequisites:derivative", "8", "0", "nonsense", "x" * 3000, "*"):
        for command in ("lesson done", "lesson undo"):
            answer = refused(await world.alice.slash(world.channel, command, lesson=typed))
            assert "is no lesson of **Practical Deep Learning for Coders, part 1 (2019)**" in answer
            assert "`/lesson list`" in answer
            assert len(answer) < 400
    assert await marks(world) == []


async def test_without_a_course_or_a_membership_there_is_nothing_to_mark(group_world: World) -> None:
    world = group_world
    carol = world.guild.add_member(world.env.create_user("carol"))
    commands = {
        "lesson done": {"lesson": "1"},
        "lesson undo": {"lesson": "1"},
        "lesson list": {},
        "lesson next": {},
        "lesson progress": {},
    }
    for command, options in commands.items():
        no_course = await world.alice.slash(world.channel, command, **options)
        assert "follows no course" in refused(no_course), command
    assert await world.alice.autocomplete(world.channel, "lesson done", "lesson", "") == []
    await follow(world)
    for command, options in commands.items():
        stranger = await carol.slash(world.channel, command, **options)
        assert "You are not in “Berlin”" in refused(stranger), command
    asked = await mark(world, carol, stage="reproduced", evidence=EVIDENCE)
    assert "You are not in “Berlin”" in refused(asked)
    unknown = await world.alice.slash(world.channel, "lesson done", lesson="1", group="Paris")
    assert "There is no group “Paris” here" in refused(unknown)
    assert await world.alice.autocomplete(world.channel, "lesson done", "lesson", "", group="Paris") == []
    assert await marks(world) == []


async def test_what_others_verify_needs_a_link_that_they_can_open(course_world: World) -> None:
    world = course_world
    for stage in ("reproduced", "own_data", "explained"):
        answer = refused(await mark(world, world.alice, stage=stage))
        assert f"“{stage.replace('_', ' ')}” needs something" in answer
        assert "`evidence`" in answer
    for evidence, words in {
        "javascript:alert(1)": "begin with https://",
        "https:///notebook": "no site",
        "https://example.com/a b": "spaces",
        "https://alice:secret@example.com/x": "password",
        "https://example.com:99999/x": "can't be read",
        "https://example.com/" + "a" * 600: "500 characters",
    }.items():
        # Where none is needed, a bad one is refused as well.
        for stage in ("ran", "reproduced"):
            answer = refused(await mark(world, world.alice, stage=stage, evidence=evidence))
            assert words in answer
            assert "`https://github.com/you/notebook`" in answer
            assert "secret" not in answer
    assert await marks(world) == []
    assert len(history(world)) == 1


async def test_a_link_cannot_pretend_to_be_another(course_world: World) -> None:
    world = course_world
    trick = "https://evil.example/[free](https://good.example)/**x**|y|/@everyone?q=`a`<b>"
    post = await reproduce(world, world.alice, evidence=trick)
    shown = read(post)
    assert "https://evil.example/%5Bfree%5D%28https://good.example%29/%2A%2Ax%2A%2A%7Cy%7C/@" in shown
    assert not post.mention_everyone
    assert "@everyone" not in shown
    international = await reproduce(world, world.bob, evidence="https://раypal.example/ü_1")
    assert "https://xn--ypal-43d9g.example/%C3%BC_1" in read(international)


async def test_what_is_marked_is_not_marked_twice_and_what_is_not_is_not_undone(course_world: World) -> None:
    world = course_world
    await mark(world, world.bob, "2")
    marked_at = world.now
    await mark(world, world.alice)
    await reproduce(world, world.alice)
    await world.pass_time(days=1)
    again = refused(await mark(world, world.alice))
    assert f"as ran <t:{int(marked_at.timestamp())}:F>" in again
    assert "`/lesson undo`" in again
    again = refused(await mark(world, world.alice, stage="reproduced", evidence=EVIDENCE))
    assert "as reproduced" in again
    never = await world.alice.slash(world.channel, "lesson undo", lesson="1", stage="watched")
    assert "You have not marked “Image classification” as watched" in refused(never)
    # Bob did it, Alice did not.
    never = await world.alice.slash(world.channel, "lesson undo", lesson="2")
    assert "You have marked nothing of" in refused(never)
    assert len(await marks(world)) == 3


async def test_nobody_verifies_themselves(course_world: World) -> None:
    world = course_world
    post = await reproduce(world, world.alice)
    [hers] = await marks(world)
    fake = await forged(world, "lesson", hers.id, "verify")
    for message, label in ((post, "Verify"), (fake, "Press")):
        assert "Nobody verifies their own work" in refused(await world.alice.click(message, label=label))
    [hers] = await marks(world)
    assert (hers.verified_by, hers.counts_at) == (None, None)
    assert labels(next(message for message in history(world) if message.id == post.id)) == ["Verify"]


async def test_only_members_of_the_group_verify(course_world: World) -> None:
    world = course_world
    carol = world.guild.add_member(world.env.create_user("carol"))
    elsewhere = world.env.create_guild("Elsewhere")
    channel = elsewhere.create_text_channel("general")
    eve = elsewhere.add_member(world.env.create_user("eve"))
    await world.env.settle()
    post = await reproduce(world, world.alice)
    [hers] = await marks(world)
    assert "You are not in" in refused(await carol.click(post, label="Verify"))
    await world.bob.slash(world.channel, "group leave")
    assert "You are not in" in refused(await world.bob.click(post, label="Verify"))
    place = world.bot.get_partial_messageable(channel.id, guild_id=elsewhere.id)
    fake = await forged(world, "lesson", hers.id, "verify", place=place)
    assert "nothing to verify" in refused(await eve.click(fake, label="Press"))
    assert EVIDENCE not in read(channel.history()[-1])
    [hers] = await marks(world)
    assert hers.verified_by is None


async def test_the_same_member_does_not_verify_another_twice_in_a_row(course_world: World) -> None:
    world = course_world
    posts = [await reproduce(world, world.alice, number) for number in "123"]
    others = await reproduce(world, world.organizer)
    await world.bob.click(posts[0], label="Verify")
    await world.pass_time(minutes=1)
    kindly = refused(await world.bob.click(posts[1], label="Verify"))
    assert f"the last to verify something of {world.alice.mention}" in kindly
    assert "Somebody else" in kindly
    # Another member's work is another pair.
    assert "Thank you" in said(await world.bob.click(others, label="Verify"))
    assert "Thank you" in said(await world.organizer.click(posts[1], label="Verify"))
    await world.pass_time(minutes=1)
    assert "Thank you" in said(await world.bob.click(posts[2], label="Verify"))
    assert [one.verified_by for one in await marks(world)] == [
        world.bob.id, world.organizer.id, world.bob.id, world.bob.id
    ]  # fmt: skip


async def test_what_is_verified_taken_back_or_closed_is_verified_no_more(course_world: World) -> None:
    world = course_world
    post = await reproduce(world, world.alice)
    [hers] = await marks(world)
    fake = await forged(world, "lesson", hers.id, "verify")
    await world.bob.click(post, label="Verify")
    late = refused(await world.organizer.click(fake, label="Press"))
    assert f"{world.bob.mention} has verified this already" in late
    await world.alice.slash(world.channel, "lesson undo", lesson="1")
    gone = await forged(world, "lesson", hers.id, "verify")
    assert "nothing to verify" in refused(await world.organizer.click(gone, label="Press"))
    assert "taken back" in read(history(world)[-1])
    # Only what needs verifying can be verified, and only by that button.
    await mark(world, world.alice)
    [hers] = await marks(world)
    for id, verb in ((hers.id, "verify"), (hers.id, "undo"), (987654, "verify"), (10**19, "verify")):
        fake = await forged(world, "lesson", id, verb)
        refused(await world.bob.click(fake, label="Press"))
    assert [(one.stage.value, one.verified_by) for one in await marks(world)] == [("ran", None)]
    open_post = await reproduce(world, world.alice)
    await world.organizer.slash(world.channel, "group archive")
    assert "nothing to verify" in refused(await world.bob.click(open_post, label="Verify"))
    assert (await marks(world))[-1].verified_by is None
