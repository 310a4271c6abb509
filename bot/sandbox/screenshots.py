"""`python -m bot.sandbox.screenshots`: the README's pictures, taken of the demo as it is now."""

import asyncio
import io
import json
import random
import sys
import tempfile
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from PIL import Image, ImageDraw, ImageFilter

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

    with tempfile.TemporaryDirectory(prefix="cohort-drawn-") as place:
        async for path in _classified(tab, folder, Path(place)):
            yield path

    await _command(tab, "/remind me")
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

    await _look(tab)
    await _click(tab, "#people li:last-child button")
    await _command(tab, "/group leave")
    await _send(tab)
    await _press(tab, "Join")
    await _press(tab, "Review my first card")
    await tab.until(_button("Show answer"))
    await tab.run(f"{_button('Stop')}.scrollIntoView({{block: 'end'}})")
    await asyncio.sleep(PAUSE)
    yield await _keep(tab, folder / "welcome.png")
    if tab.console:
        raise BrowserError("the page complained:\n" + "\n".join(tab.console))


async def _classified(tab: Tab, folder: Path, place: Path) -> AsyncIterator[Path]:
    """A digit is classified; then the organizer has a model trained, and publishes it. It takes a minute."""
    _seven().save(place / "seven.png")
    await _command(tab, "/classify")
    await _attach(tab, place / "seven.png")
    await _send(tab)
    await tab.until(_button("Why?"), seconds=60)
    await _settled(tab)
    await tab.run(f"{_button('Why?')}.closest('li, article').scrollIntoView({{block: 'start'}})")
    await asyncio.sleep(PAUSE)
    yield await _keep(tab, folder / "classify.png")

    _shapes(place / "shapes.zip")
    await _click(tab, "#people li:nth-child(1) button")
    await _command(tab, "/model train")
    await _shown(tab, ".command-option-input")
    await tab.type("shapes")
    await _option(tab, "images")
    await _attach(tab, place / "shapes.zip")
    await _option(tab, "base")
    await tab.type("digits")
    await asyncio.sleep(2 * PAUSE)
    await tab.press("Enter")
    await asyncio.sleep(PAUSE)
    await _send(tab)
    await tab.until(_button("Publish"), seconds=300)
    await _settled(tab)
    await _to_the_end(tab)
    yield await _keep(tab, folder / "train.png")
    await _press(tab, "Publish")


def _seven() -> Image.Image:
    """A seven in dark ink on paper."""
    page = Image.new("RGB", (420, 420), (236, 232, 222))
    stroke = [(130, 120), (280, 112), (262, 170), (215, 250), (190, 320)]
    ImageDraw.Draw(page).line(stroke, fill=(35, 38, 60), width=20, joint="curve")
    return page.filter(ImageFilter.GaussianBlur(1.2))


def _shapes(file: Path) -> None:
    """A training set: forty circles, squares and crosses each, none like the other, in a folder for each."""
    chance = random.Random(7)  # noqa: S311 (pictures)
    with zipfile.ZipFile(file, "w") as archive:
        for kind in ("circle", "cross", "square"):
            for number in range(40):
                image = Image.new("L", (96, 96), chance.randint(215, 255))
                x, y, side = chance.randint(8, 26), chance.randint(8, 26), chance.randint(40, 60)
                box, ink, width = (x, y, x + side, y + side), chance.randint(0, 60), chance.randint(4, 9)
                pen = ImageDraw.Draw(image)
                if kind == "circle":
                    pen.ellipse(box, outline=ink, width=width)
                elif kind == "square":
                    pen.rectangle(box, outline=ink, width=width)
                else:
                    pen.line(box, fill=ink, width=width)
                    pen.line((x + side, y, x, y + side), fill=ink, width=width)
                buffer = io.BytesIO()
                image.save(buffer, "PNG")
                archive.writestr(f"{kind}/{number}.png", buffer.getvalue())


async def _option(tab: Tab, name: str) -> None:
    """Add one of the command's options that are left."""
    await tab.run(f"{INSIDE}.document.querySelector('.command-ghost').click()")
    await asyncio.sleep(PAUSE)
    entries = f"[...{INSIDE}.document.querySelectorAll('.command-entry, [role=option]')]"
    await tab.run(f"{entries}.find(entry => entry.textContent.trim().startsWith({json.dumps(name)})).click()")
    await asyncio.sleep(PAUSE)


async def _to_the_end(tab: Tab) -> None:
    await tab.run(
        f"[...{INSIDE}.document.querySelectorAll('article')].at(-1)?.scrollIntoView({{block: 'end'}})"
    )
    await asyncio.sleep(PAUSE)


async def _command(tab: Tab, words: str) -> None:
    """Choose a command in the composer."""
    await tab.run(f"{INSIDE}.document.getElementById('channel-composer-input').focus()")
    await tab.type(words)
    await _shown(tab, ".command-entry")
    await tab.press("Enter")
    await asyncio.sleep(PAUSE)


async def _attach(tab: Tab, path: Path) -> None:
    """Give the command's option that takes a file this one."""
    found = await tab.send(
        "Runtime.evaluate", expression=f"{INSIDE}.document.querySelector('.command-file-input')"
    )
    await tab.send("DOM.setFileInputFiles", files=[str(path)], objectId=found["result"]["objectId"])
    await asyncio.sleep(PAUSE)


async def _send(tab: Tab) -> None:
    await tab.run(f"{INSIDE}.document.querySelector('.send-message').click()")
    await asyncio.sleep(PAUSE)


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
    found = _button(label)
    message = "window.pressed.closest('[data-message-id], li, article')"
    await tab.until(found)
    await tab.run(f"window.pressed = {found}; window.shown = {message}; window.pressed.click()")
    await asyncio.sleep(3 * PAUSE)
    await _settled(tab)
    await tab.run("window.shown?.scrollIntoView({block: 'end'})")
    await asyncio.sleep(PAUSE)


def _button(label: str) -> str:
    """JavaScript for the newest button with this label."""
    return (
        f"[...{INSIDE}.document.querySelectorAll('button')]"
        f".filter(button => button.textContent.trim() === {json.dumps(label)}).at(-1)"
    )


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
