"""Around a meetup, each is spoken to in their language: the server in its own, every member in theirs."""

from bot.sandbox import World
from tests.features.meeting import FIRST, both, history, labels, read, schedule
from tests.features.reading import said
from tests.features.test_events import events, forbid_events


async def test_the_post_stays_in_the_servers_language_whoever_presses(group_world: World) -> None:
    world = group_world
    world.bot.language = "de"
    await schedule(world)
    (post,) = [message for message in history(world) if "Dabei (" in read(message)]
    assert labels(post) == ["Ich komme", "Vielleicht", "Ich kann nicht"]
    pressed = await world.alice.click(post, label="Ich komme")
    assert [(each.content, each.ephemeral) for each in pressed.followups] == [("You are going.", True)]
    await world.bob.click(post, label="Vielleicht")
    (post,) = [message for message in history(world) if "Dabei (" in read(message)]
    assert "Dabei (1)" in read(post)
    assert "Vielleicht (1)" in read(post)
    assert labels(post) == ["Ich komme", "Vielleicht", "Ich kann nicht"]
    # Somebody else's change, by a command whose answer everybody sees, and the tick that follows.
    changed = await world.organizer.slash(world.channel, "meetup edit", meetup="1", title="Trees")
    assert "Das Treffen wurde geändert." in said(changed)
    await world.pass_time(minutes=2)
    assert any("Dabei (1)" in read(message) and "Trees" in read(message) for message in history(world))


async def test_private_answers_are_in_the_members_own_language(group_world: World) -> None:
    world = group_world
    world.bot.language = "de"
    nothing = await world.alice.slash(world.channel, "meetup list")
    assert nothing.ephemeral
    assert "has nothing planned" in said(nothing)
    elsewhere = world.guild.create_text_channel("elsewhere")
    answer = await world.organizer.slash(
        elsewhere, "meetup schedule", when="2026-01-08 19:00", title="Algebra", group="Berlin"
    )
    assert answer.ephemeral
    assert said(answer).startswith(f"**Algebra** is planned for {both(FIRST)}.")
    assert "Kommende Treffen von Berlin" in said(await world.alice.slash(world.channel, "meetup list"))


async def test_discords_event_speaks_the_servers_language_and_its_trouble_the_planners(
    group_world: World,
) -> None:
    world = group_world
    world.bot.language = "de"
    await schedule(world)
    (event,) = events(world)
    assert event.description is not None
    assert event.description.startswith(f"Eingeladen von <@{world.organizer.id}>\nLerngruppe: Berlin")
    forbid_events(world, allowed=False)
    await world.env.settle()
    await world.organizer.slash(world.channel, "meetup edit", meetup="1", title="Trees")
    # What went wrong is kept as it is, and finds its words when it is read.
    await world.bot.services.members.remember_language(user_id=world.alice.id, language="de")
    await world.pass_time(hours=2)
    (note,) = world.dms(world.organizer)
    assert "I lack **Create Events**" in note.content
    pressed = await world.organizer.user.click(note, label="Try again now")
    assert "I lack **Create Events**" in said(pressed)
    assert world.dms(world.alice) == []
