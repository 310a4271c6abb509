"""The painter draws in another process, says when it is busy, and survives what happens to that process."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from bot.locales import speaking
from bot.rendering.cards import BoardCard, BoardRow, Card, Theme
from bot.rendering.drawing import draw
from bot.rendering.fonts import Fonts
from bot.rendering.painter import Painter, PainterBusy, PictureFailed
from bot.ui.pictures import picture
from tests.rendering.cards import BOARD, PROFILE
from tests.rendering.test_fonts import a_font

NO_CARD = cast(Card, "no card")


@pytest.fixture
async def painter() -> AsyncIterator[Painter]:
    painter = Painter()
    yield painter
    painter.close()


def workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "bot.rendering.worker" in child.cmdline()]


async def test_the_other_process_draws_the_same_bytes(painter: Painter, fonts: Fonts) -> None:
    assert workers() == []
    drawn = await asyncio.gather(*(painter.draw(card, Theme.LIGHT) for card in (BOARD, PROFILE, BOARD)))
    assert drawn == [draw(card, Theme.LIGHT, fonts) for card in (BOARD, PROFILE, BOARD)]
    assert len(workers()) == 1
    painter.close()
    painter.close()
    assert workers() == []
    with pytest.raises(PictureFailed, match="closed"):
        await painter.draw(BOARD, Theme.LIGHT)


async def test_a_picture_is_worded_in_the_language_of_whoever_asks(painter: Painter, fonts: Fonts) -> None:
    with speaking("de"):
        drawn = await painter.draw(BOARD, Theme.LIGHT)
        german = draw(BOARD, Theme.LIGHT, fonts)
    assert drawn == german
    assert german != draw(BOARD, Theme.LIGHT, fonts)
    assert await painter.draw(BOARD, Theme.LIGHT) != german


async def test_the_process_knows_no_secret(painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    """It draws what members typed: neither the token nor the database's address is its business."""
    monkeypatch.setenv("DISCORD_TOKEN", "hunter2")
    monkeypatch.setenv("COHORT_DATABASE_URL", "postgresql://cohort:hunter2@host/cohort")
    monkeypatch.setenv("POSTGRES_PASSWORD", "hunter2")
    await painter.draw(BOARD, Theme.LIGHT)
    (worker,) = workers()
    assert not [name for name, value in worker.environ().items() if "hunter2" in value]
    assert worker.environ()["PATH"]


async def test_too_many_at_once_are_told_so_and_the_others_are_drawn() -> None:
    painter = Painter(waiting_at_most=2)
    try:
        answers = await asyncio.gather(
            *(painter.draw(BOARD, Theme.DARK) for _ in range(4)), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [bytes, bytes, PainterBusy, PainterBusy]
        assert await painter.draw(BOARD, Theme.DARK) == answers[0]
    finally:
        painter.close()


async def test_who_gives_up_makes_room() -> None:
    painter = Painter(waiting_at_most=1)
    try:
        impatient = asyncio.ensure_future(painter.draw(BOARD, Theme.DARK))
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        assert await painter.draw(PROFILE, Theme.DARK)
    finally:
        painter.close()


async def test_a_failed_drawing_says_why_and_the_next_is_drawn(painter: Painter) -> None:
    with pytest.raises(PictureFailed, match=r"(?s)Traceback.*drawing\.py"):
        await painter.draw(NO_CARD, Theme.DARK)
    assert await painter.draw(BOARD, Theme.DARK)


async def test_a_process_that_dies_is_replaced(painter: Painter) -> None:
    await painter.draw(BOARD, Theme.DARK)
    (first,) = workers()
    first.kill()
    with pytest.raises(PictureFailed, match="status"):
        await painter.draw(BOARD, Theme.DARK)
    assert await painter.draw(BOARD, Theme.DARK)
    (second,) = workers()
    assert second.pid != first.pid


async def test_a_drawing_that_never_ends_is_ended() -> None:
    painter = Painter(drawing_at_most=timedelta(0))
    try:
        with pytest.raises(PictureFailed, match="status"):
            await painter.draw(BOARD, Theme.DARK)
        assert workers() == []
    finally:
        painter.close()


async def test_closing_ends_what_is_being_drawn() -> None:
    painter = Painter()
    drawing = asyncio.ensure_future(painter.draw(BOARD, Theme.DARK))
    await asyncio.sleep(0)
    painter.close()
    with pytest.raises(PictureFailed):
        await drawing
    assert workers() == []


async def test_the_process_ends_with_the_bot(painter: Painter) -> None:
    """Even with one that was killed: its input ends then."""
    await painter.draw(BOARD, Theme.DARK)
    (worker,) = workers()
    process: Any = painter._process
    process.stdin.close()
    assert worker.wait(timeout=10) == 0


async def test_the_operators_fonts_reach_the_process(tmp_path: Path) -> None:
    a_font(tmp_path / "Sino.ttf", "\U0002ebf0")
    card = BoardCard(title="\U0002ebf0", subtitle="", unit="", rows=(BoardRow(rank=1, name="A", score=1),))
    painter = Painter(fonts=tmp_path)
    try:
        assert await painter.draw(card, Theme.DARK) == draw(card, Theme.DARK, Fonts(tmp_path))
        assert await painter.draw(card, Theme.DARK) != draw(card, Theme.DARK, Fonts())
    finally:
        painter.close()


async def test_a_picture_is_a_file_with_its_words(painter: Painter, fonts: Fonts) -> None:
    (file,) = await picture(
        painter, BOARD, theme="light", name="leaderboard", alt="Mateo leads with 7. " * 90
    )
    assert file.filename == "leaderboard.png"
    assert file.description is not None
    assert file.description.startswith("Mateo leads")
    assert len(file.description) == 1024
    assert file.fp.read() == draw(BOARD, Theme.LIGHT, fonts)


async def test_an_answer_goes_out_without_the_picture_that_failed(
    painter: Painter, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert await picture(painter, NO_CARD, theme="dark", name="board", alt="Nobody yet.") == []
        assert await picture(painter, BOARD, theme="mauve", name="board", alt="Nobody yet.") == []
    assert len(caplog.records) == 2
    assert all(record.exc_info for record in caplog.records)


async def test_an_answer_goes_out_without_the_picture_that_would_come_too_late(
    caplog: pytest.LogCaptureFixture,
) -> None:
    painter = Painter(waiting_at_most=0)
    try:
        with caplog.at_level(logging.WARNING):
            assert await picture(painter, BOARD, theme="dark", name="board", alt="Nobody yet.") == []
        (record,) = caplog.records
        assert record.exc_info
        assert "board" in record.getMessage()
    finally:
        painter.close()
