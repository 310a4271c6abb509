"""Projects in a server of another language: posts in the server's, private answers in the member's."""

from bot.sandbox import World
from tests.features.building import entries, project, refused, start
from tests.features.meeting import history, labels, read
from tests.features.reading import said


async def test_posts_speak_the_servers_language_and_private_answers_the_members(group_world: World) -> None:
    world = group_world
    world.bot.language = "de"
    await start(world, world.bob, "Birds", "tell crows from ravens")
    started = await start(world, world.alice)
    assert f"{world.alice.mention} beginnt ein Projekt." in said(started)
    assert "**Ziel:** tell bears apart" in said(started)
    assert "is still going on" in await refused(world, world.alice, "start", title="Cats", goal="x")
    moved = await project(world, world.alice, "update", text="150 photos", stage="data")
    assert "Meilenstein: **Daten**" in said(moved)
    shown = await project(world, world.alice, "show")
    assert "**aktiv**, Stufe **Daten**" in said(shown)
    assert "Birds" not in said(shown)
    [file] = shown.response.attachments
    assert "Bears von Alice, aktiv" in (file.description or "")
    post = next(message for message in history(world) if "Bears" in read(message))
    assert labels(post) == ["Projekt zeigen"]
    looked = await world.bob.click(post, label="Projekt zeigen")
    assert looked.ephemeral
    assert "**active**, stage **data**" in said(looked)
    assert "rests. `/project resume`" in said(await project(world, world.alice, "pause"))
    listed = said(await project(world, world.bob, "list"))
    assert "**Im Gange**" in listed
    assert "**Pausiert**" in listed


async def test_the_call_for_help_is_kept_as_a_fact_and_worded_for_whoever_reads_it(
    group_world: World,
) -> None:
    world = group_world
    world.bot.language = "de"
    await start(world, world.alice)
    await start(world, world.bob, "Birds")
    await world.bot.services.members.remember_language(user_id=world.alice.id, language="de")
    await world.pass_time(days=13)
    await project(world, world.bob, "update", text="Ravens are bigger")
    await world.pass_time(days=1)
    [nudge] = world.dms(world.alice)
    assert "**Bears** ruht seit" in nudge.content
    assert labels(nudge) == ["Eintrag schreiben", "Pausieren", "Gruppe fragen"]
    await world.alice.user.click(nudge, label="Gruppe fragen")
    assert f"Asked in <#{world.channel.id}>." in world.dms(world.alice)[0].content
    await world.pass_time(minutes=1)
    post = history(world)[-1]
    assert f"{world.alice.mention} freut sich über Hilfe. Wer hat eine Idee" in read(post)
    assert (await entries(world))[-1].text.startswith("Who has an idea")
    looked = await world.bob.click(post, label="Projekt zeigen")
    assert "Asked the group: Who has an idea" in said(looked)
    assert "Ravens" not in said(looked)
