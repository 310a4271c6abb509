"""A headless Chromium, driven over its own DevTools protocol."""

import asyncio
import base64
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
# Keys whose DevTools description is more than their character.
KEYS = {
    "Enter": {"code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    "Tab": {"code": "Tab", "windowsVirtualKeyCode": 9},
    "Escape": {"code": "Escape", "windowsVirtualKeyCode": 27},
    "ArrowDown": {"code": "ArrowDown", "windowsVirtualKeyCode": 40},
}


class BrowserError(Exception):
    """The browser is missing, or did not do what it was told."""


class Tab:
    """One page. Coordinates and sizes are CSS pixels."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.console: list[str] = []

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One DevTools call; raises BrowserError with what the browser said."""
        number = next(self._ids)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = json.loads(await self._socket.receive_str(timeout=30))
            if message.get("id") == number:
                if "error" in message:
                    raise BrowserError(f"{method}: {message['error']['message']}")
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    async def look(
        self, *, width: int, height: int, theme: Literal["dark", "light"] = "dark", scale: float = 1
    ) -> None:
        """Set the window's size and the preferred colour scheme."""
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )
        await self.send(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}]
        )

    async def open(self, url: str) -> None:
        await self.send("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """Evaluate JavaScript, awaiting a promise; raises BrowserError when it throws."""
        answer = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    async def until(self, script: str, *, seconds: float = 20) -> None:
        """Wait for JavaScript to give something truthy; raises BrowserError after `seconds`."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not await self.run(f"Boolean({script})"):
            if loop.time() > end:
                raise BrowserError(f"this did not become true in {seconds:g} s: {script}")
            await asyncio.sleep(0.05)

    async def type(self, text: str) -> None:
        """Type into whatever has the focus, a key at a time."""
        for character in text:
            await self.send("Input.dispatchKeyEvent", type="char", text=character)

    async def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            await self.send("Input.dispatchKeyEvent", type=kind, key=key, **KEYS[key])

    async def click(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def picture(self) -> bytes:
        """The window as PNG bytes."""
        answer = await self.send("Page.captureScreenshot", format="png")
        return base64.b64decode(answer["data"])

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Runtime.exceptionThrown":
            details = message["params"]["exceptionDetails"]
            self.console.append(details.get("exception", {}).get("description") or details["text"])
        elif message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
            self.console.append(message["params"]["entry"]["text"])


def find_browser() -> str:
    """The browser's path; raises BrowserError when none is installed."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise BrowserError("Chromium is not installed. On Debian: apt-get install chromium")


@asynccontextmanager
async def open_browser() -> AsyncIterator[Tab]:
    """A browser with a profile of its own, gone afterwards; raises BrowserError."""
    path = find_browser()
    with tempfile.TemporaryDirectory(prefix="cohort-browser-", ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            path,
            *FLAGS,
            f"--user-data-dir={folder}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            port = await _debugging_port(Path(folder), process)
            async with aiohttp.ClientSession() as http:
                async with http.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    pages = [item for item in await answer.json() if item["type"] == "page"]
                async with http.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    tab = Tab(socket)
                    for domain in ("Page", "Runtime", "Log"):
                        await tab.send(f"{domain}.enable")
                    yield tab
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


async def _debugging_port(folder: Path, process: asyncio.subprocess.Process) -> int:
    """Chromium writes the port it took into its profile."""
    note = folder / "DevToolsActivePort"
    for _ in range(600):
        if process.returncode is not None:
            raise BrowserError(f"the browser ended with status {process.returncode}")
        if note.exists() and (lines := note.read_text().splitlines()):
            return int(lines[0])
        await asyncio.sleep(0.05)
    raise BrowserError("the browser did not start within 30 s")
