"""Courses and plans in a server of another language: what all see in its, the rest in the member's own."""

from bot.sandbox import World
from tests.features.meeting import history, labels, read
from tests.features.reading import said
from tests.features.test_courses_import import PACK, import_


async def test_a_course_and_its_moves_speak_the_servers_language(group_world: World) -> None:
    world = group_world
    world.bot.language = "de"
    started = await world.organizer.slash(
        world.channel, "course start", course="math-prerequisites", first="2026-01-15 19:00", every="weekly"
    )
    assert "macht diesen Kurs, jede Woche eine Lektion." in said(started)
    office = world.guild.create_text_channel("office")
    answer = await world.organizer.slash(office, "course shift", from_lesson="2", weeks=2, group="Berlin")
    assert answer.ephemeral
    assert "The move stands in" in said(answer)
    await world.pass_time(seconds=1)
    notice = next(message for message in history(world) if labels(message) == ["Zurücknehmen"])
    assert "und 2 weitere danach verschieben sich um 2 Wochen nach hinten." in read(notice)
    undone = await world.organizer.click(notice, label="Zurücknehmen")
    assert "Zurückgenommen: 3 Treffen haben wieder ihre alten Termine." in said(undone)
    assert any("Zurückgenommen am <t:" in read(message) for message in history(world))
    refused = await world.alice.slash(world.channel, "course shift", from_lesson="2", weeks=1)
    assert refused.ephemeral
    assert said(refused) == "Only organizers of “Berlin” can do that."
    await world.bob.slash(world.channel, "plan", hours_per_week=9)
    planned = said(await world.alice.slash(world.channel, "plan", hours_per_week=7))
    assert "You plan 7 hours a week." in planned
    assert "9 hours" not in planned


async def test_the_pages_of_a_course_stay_in_the_servers_language_whoever_turns_them(
    group_world: World,
) -> None:
    world = group_world
    world.bot.language = "de"
    lesson = "  - {{id: l{0}, title: Number {0}, summary: {1}, hours: 2}}\n"
    head = PACK.partition("lessons:\n")[0] + "lessons:\n"
    imported = await import_(world, head + "".join(lesson.format(n, "w " * 200, n) for n in range(1, 13)))
    assert "12 lessons" in said(imported)
    listed = said(await world.alice.slash(world.channel, "course list"))
    assert "12 Lektionen" in listed
    assert "lessons" not in listed
    await world.alice.slash(world.channel, "course show", course="strang")
    page = history(world)[-1]
    assert labels(page) == ["Weiter"]
    await world.bob.click(page, label="Weiter")
    page = history(world)[-1]
    assert "Zurück" in labels(page)
    assert "Seite 2 von" in (page.embeds[0].footer.text or "")
    assert "2 Stunden" in read(page)
