"""`python -m bot.sandbox.screenshots`: the README's pictures, taken of the demo as it is now."""

import asyncio
import io
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from PIL import Image

from bot.logs import set_up_logs
from bot.sandbox.browser import BrowserError, Tab, open_browser
from bot.sandbox.demo import Demo, listen, open_demo

FOLDER = Path("deploy/screenshots")
# The same moment each time, so that a picture differs only when the demo does.
MOMENT = datetime(2026, 10, 20, 16, 25, tzinfo=UTC)
LARGEST = 200_000  # bytes
SCALE = 1.5
# For what moves or fades.
PAUSE = 0.5
FRAME = "document.querySelector('iframe')"
INSIDE = f"{FRAME}.contentWindow"
READY = (
    f"document.querySelectorAll('iframe').length === 1 && {INSIDE}.simcordPreview?.ready"
    f" && {INSIDE}.document.fonts.status === 'loaded' && document.fonts.status === 'loaded'"
)


def main(
    folder: Annotated[Path, typer.Argument(help="Where the pictures go.")] = FOLDER,
) -> None:
    """Take the README's pictures anew. Needs Chromium."""
    set_up_logs(level="WARNING", format="console")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(take(folder))
    except BrowserError as reason:
        typer.echo(str(reason), err=True)
        sys.exit(1)


async def take(folder: Path) -> list[Path]:
    """Take every picture into a folder that is there; returns where they are. Raises BrowserError."""
    start = asyncio.get_running_loop().time()

    def present() -> datetime:
        return datetime.fromtimestamp(MOMENT.timestamp() + asyncio.get_running_loop().time() - start, UTC)

    with tempfile.TemporaryDirectory(prefix="cohort-pictures-") as place, listen(0) as listening:
        async with (
            open_demo(Path(place) / "demo.db", listening, present=present) as demo,
            open_browser() as tab,
        ):
            return [path async for path in _scenes(tab, demo, folder)]


async def _scenes(tab: Tab, demo: Demo, folder: Path) -> AsyncIterator[Path]:
    await _look(tab)
    await tab.open(demo.page.url)
    await _settled(tab)
    yield await _keep(tab, folder / "overview.png")

    await _look(tab, theme="light")
    await _click(tab, "#people li:last-child button")
    yield await _keep(tab, folder / "overview-light.png")

    await _look(tab)
    await _click(tab, "#people li:nth-child(2) button")
    await _click(tab, "#hints-close")
    await _press(tab, "Verify")
    yield await _keep(tab, folder / "lesson.png")
    await _press(tab, "Points")
    yield await _keep(tab, folder / "board.png")

    await tab.run(f"{INSIDE}.document.getElementById('channel-composer-input').focus()")
    await tab.type("/review")
    await _shown(tab, ".command-entry")
    for _ in range(4):  # takes the command, its first option, the first deck, and sends
        await tab.press("Enter")
        await asyncio.sleep(PAUSE)
    await tab.until(f"!{INSIDE}.document.querySelector('.command-option-input')")
    await _settled(tab)
    await _press(tab, "Show answer")
    yield await _keep(tab, folder / "review.png")

    await tab.run(f"{INSIDE}.document.getElementById('channel-composer-input').focus()")
    await tab.type("/remind me")
    await _shown(tab, ".command-entry")
    await tab.press("Enter")
    await _shown(tab, ".command-option-input")
    await tab.type("in 1 minute")
    await tab.press("Tab")
    await asyncio.sleep(PAUSE)
    await tab.type("stretch")
    await asyncio.sleep(PAUSE)
    yield await _keep(tab, folder / "remind.png")
    await tab.press("Enter")
    await tab.until(f"!{INSIDE}.document.querySelector('.command-option-input')")

    await _click(tab, '[data-skip="600"]')
    await tab.until("document.querySelector('#dms .unread')")
    await _click(tab, "#dms button")
    yield await _keep(tab, folder / "reminder.png")

    await _look(tab, width=390, height=800)
    await _click(tab, "#channels li:nth-child(2) button")
    yield await _keep(tab, folder / "phone.png")
    if tab.console:
        raise BrowserError("the page complained:\n" + "\n".join(tab.console))


async def _look(
    tab: Tab, *, width: int = 1280, height: int = 800, theme: Literal["dark", "light"] = "dark"
) -> None:
    await tab.look(width=width, height=height, theme=theme, scale=SCALE)
    await asyncio.sleep(PAUSE)


async def _click(tab: Tab, selector: str) -> None:
    await tab.run(f"document.querySelector({json.dumps(selector)}).click()")
    await asyncio.sleep(PAUSE)
    await _settled(tab)


async def _press(tab: Tab, label: str) -> None:
    """Press the newest button with this label, wait for what follows, and show its message."""
    found = (
        f"[...{INSIDE}.document.querySelectorAll('button')]"
        f".filter(button => button.textContent.trim() === {json.dumps(label)}).at(-1)"
    )
    message = "window.pressed.closest('[data-message-id], li, article')"
    await tab.until(found)
    await tab.run(f"window.pressed = {found}; window.shown = {message}; window.pressed.click()")
    await asyncio.sleep(3 * PAUSE)
    await _settled(tab)
    await tab.run("window.shown?.scrollIntoView({block: 'end'})")
    await asyncio.sleep(PAUSE)


async def _shown(tab: Tab, selector: str) -> None:
    """Wait until the conversation has such an element."""
    await tab.until(f"{INSIDE}.document.querySelector({json.dumps(selector)})")
    await asyncio.sleep(PAUSE)


async def _settled(tab: Tab) -> None:
    await tab.until(READY)
    await asyncio.sleep(PAUSE)


async def _keep(tab: Tab, path: Path) -> Path:
    """Save the window in few colours: its surfaces are flat, and the repository stays small."""
    image = Image.open(io.BytesIO(await tab.picture())).convert("RGB")
    for colours in (256, 128, 64):
        buffer = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= LARGEST:
            break
    await asyncio.to_thread(path.write_bytes, buffer.getvalue())
    typer.echo(f"{path} ({buffer.tell() // 1000} kB)")
    return path


if __name__ == "__main__":
    typer.run(main)
