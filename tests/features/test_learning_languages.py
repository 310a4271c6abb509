"""Cards, lessons, boards and profiles: all of the server read its language, every member their own."""

from bot.sandbox import World
from tests.features.carding import cards, write
from tests.features.learning import follow, mark, reproduce
from tests.features.meeting import history, labels, read
from tests.features.reading import said
from tests.features.reminding import remind


async def test_posts_stay_in_the_servers_language_whoever_presses(group_world: World) -> None:
    world = group_world
    world.bot.language = "de"
    await follow(world)
    # A card: its post is for all, the hint for its author, the thanks for whoever approved.
    answer = await cards(world, world.alice, "add", front="Is a tree a graph?", back="yes")
    post = history(world)[-1]
    assert f"{world.alice.mention} hat eine Karte für **" in post.content
    assert labels(post) == ["Freigeben"]
    assert "Yes or no can be guessed." in said(answer)
    thanks = await world.bob.click(post, label="Freigeben")
    assert "Thank you for looking." in said(thanks)
    assert f"Freigegeben von {world.bob.mention}" in history(world)[-1].content
    gone = await write(world, world.alice, front="Which way is down?")
    deleted = await cards(world, world.alice, "delete", card="2")
    assert said(deleted).startswith("Deleted: Which way is down?")
    assert "ist nicht mehr in den Stapeln" in read(history(world)[-1])
    assert history(world)[-1].id == gone.id
    # A lesson: what it counts is for its member, the evidence for all.
    assert "Noted: you ran **1." in said(await mark(world, world.bob))
    evidence = await reproduce(world, world.alice)
    assert f"{world.alice.mention} hat es nachgebaut: " in read(evidence)
    assert "It counts 4 points" in said(await world.bob.click(evidence, label="Bestätigen"))
    assert f"Bestätigt von {world.bob.mention}. Es zählt 4 Punkte." in read(history(world)[-1])
    # A board: the press of a member who reads English does not turn it.
    shown = await world.organizer.slash(world.channel, "leaderboard show")
    assert [each.content for each in shown.followups] == [
        "You have no lessons yet. `/lesson done` records one, from the stage “ran” on."
    ]
    await world.bob.click(history(world)[-1], label="Punkte")
    assert history(world)[-1].embeds[0].title == "Berlin: Punkte insgesamt"
    assert f"**1.** {world.alice.mention}: 4 Punkte" in read(history(world)[-1])
    assert "Berlin, Punkte insgesamt, 2 Mitglieder" in (history(world)[-1].attachments[0].description or "")
    await world.alice.slash(world.channel, "kudos", member=world.bob, reason="trees")
    assert history(world)[-1].content == f"{world.alice.mention} dankt {world.bob.mention}: trees"


async def test_what_only_a_member_sees_is_in_their_own_language(group_world: World) -> None:
    world = group_world
    world.bot.language = "de"
    await follow(world)
    own = await world.alice.slash(world.channel, "profile")
    assert "**Lessons:** 0 of 7" in said(own)
    assert own.ephemeral
    await world.alice.slash(world.channel, "profile", public=True)
    assert "**Lektionen:** 0 von 7" in read(history(world)[-1])
    # Direct messages too: in what their Discord last spoke, whatever the server speaks.
    await remind(world, world.alice, "in 1 hour", "algebra")
    await remind(world, world.bob, "in 1 hour", "calculus")
    await world.bot.services.members.remember_language(user_id=world.bob.id, language="de")
    await world.pass_time(hours=1)
    (english,), (german,) = world.dms(world.alice), world.dms(world.bob)
    assert english.content == "You asked me to remind you: **algebra**"
    assert german.content == "Du wolltest, dass ich dich erinnere: **calculus**"
    assert labels(german) == ["Später", "In 1 Stunde", "Morgen", "Erledigt"]
