"""What each person sees of each channel: SimCord's previews, one for each pair, opened when looked at."""

import asyncio
import contextvars
import json
import logging
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import simcord
from simcord.preview._markdown import _FIELD_POLICIES as policies

from bot.sandbox.stage import AVATAR_SIZE, Person, Stage

log = logging.getLogger(__name__)

CAPABILITY = "X-Simcord-Capability"
CONTEXT = "X-Simcord-Context"
# A page polls twice a second; one that was silent this long is closed or hidden.
WATCHED = timedelta(seconds=4)
# Relative times ("in 3 minutes") age without anything happening.
FADES = timedelta(seconds=20)
# Asked for by pages themselves, and nothing that anybody else could see.
QUIET_KINDS = frozenset(
    {
        "autocomplete_command",
        "browse_candidates",
        "browse_messages",
        "configure_presentation",
        "focus",
        "history",
    }
)


@dataclass
class View:
    """One person looking at one channel."""

    person: Person
    channel: simcord.ChannelHandle
    token: str
    preview: simcord.Preview | None = None
    last_polled: float = 0.0
    published: float = 0.0
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    avatars: "dict[str, Answer]" = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of SimCord's, to be passed on."""

    status: int
    headers: dict[str, str]
    body: bytes


class Views:
    """Keeps the previews and carries the pages' requests to them.

    A page names its view by the token in its address, where SimCord expects its own secret, so that
    several pages can look through different eyes at once.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._by_pair: dict[tuple[int, int], View] = {}
        self._by_token: dict[str, View] = {}
        self._stack = AsyncExitStack()
        self._http: aiohttp.ClientSession | None = None
        self._seen = 0
        self._avatars = dict(stage.avatars.values())

    async def __aenter__(self) -> "Views":
        self._stack.enter_context(_mentions_in_embeds())
        self._http = aiohttp.ClientSession()
        self._seen = len(self._stage.env.backend.transcript)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._stack.aclose()
        if self._http is not None:
            await self._http.close()

    def token(self, person: Person, channel: simcord.ChannelHandle) -> str:
        """The secret of this person's view of this channel; the same for as long as the demo runs."""
        pair = (person.actor.id, channel.id)
        view = self._by_pair.get(pair)
        if view is None:
            view = View(person=person, channel=channel, token=secrets.token_urlsafe(24))
            self._by_pair[pair] = self._by_token[view.token] = view
        return view.token

    async def forward(
        self, *, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Answer | None:
        """Carry a page's request to its preview; None when its token is not one of ours."""
        view = self._by_token.get(headers.get(CAPABILITY, ""))
        if view is None:
            return None
        preview = await self._opened(view)
        if path == "/api/pages":
            # SimCord would open at the bot's newest message; a client opens at the newest of all.
            body = json.dumps({"target_id": self._latest(view)}).encode()
            view.published = time.monotonic()
        view.last_polled = time.monotonic()
        if (avatar := view.avatars.get(path)) is not None:
            return avatar
        if path != "/api/action":
            answer = await self._send(preview, method, path, query, headers, body)
            if path in ("/api/pages", "/api/state"):
                self._note_avatars(view, answer)
            return answer
        async with self._stage.lock:
            answer = await self._send(preview, method, path, query, headers, body)
            if _is_stale(answer) and headers.get("Content-Type", "").startswith("application/json"):
                # Something was said after the page last looked. What was pressed is still what was
                # meant, and SimCord checks it again.
                state = await self._send(preview, "GET", "/api/state", "", headers, b"")
                action = json.loads(body) | {
                    "published_revision": json.loads(state.body)["publishedRevision"]
                }
                answer = await self._send(preview, method, path, query, headers, json.dumps(action).encode())
            if _kind(body) in QUIET_KINDS:
                self._seen = len(self._stage.env.backend.transcript)
        return answer

    async def publish(self) -> None:
        """Show what happened since the last call to every page that is looking."""
        now = time.monotonic()
        news = len(self._stage.env.backend.transcript) != self._seen
        async with self._stage.lock:
            self._seen = len(self._stage.env.backend.transcript)
            for view in list(self._by_pair.values()):
                if view.preview is None or now - view.last_polled > WATCHED.total_seconds():
                    continue
                if news or now - view.published > FADES.total_seconds():
                    view.published = now
                    await view.preview.refresh()

    async def _opened(self, view: View) -> simcord.Preview:
        async with view.opening:
            if view.preview is None:
                view.preview = await self._open(view)
                self._stack.push_async_callback(view.preview.close)
            return view.preview

    async def _open(self, view: View) -> simcord.Preview:
        env = self._stage.env
        viewer = view.person.actor if view.channel.guild is not None else view.person.actor.user
        async with self._stage.lock:
            # SimCord allows one preview at a time because two could act at once. Here every action
            # holds the lock, so it may forget that there is another one.
            env._preview = None
            preview = env.preview(
                view.channel,
                viewers=[viewer],
                layout="channel",
                timezone=view.person.zone,
                locale="en-GB",
                assets=self._stage.avatars,
            )
            # In a context of its own: its server measures how long a page was silent, in real time.
            task = asyncio.create_task(preview.__aenter__(), context=contextvars.Context())
            return await task

    async def _send(
        self,
        preview: simcord.Preview,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        if self._http is None:
            raise RuntimeError("the views are not open")
        base, _, capability = preview.url.partition("#")
        passed = {name: headers[name] for name in (CONTEXT, "Content-Type") if name in headers}
        url = base.rstrip("/") + path + (f"?{query}" if query else "")
        async with self._http.request(
            method, url, data=body or None, headers={**passed, CAPABILITY: capability}
        ) as answer:
            kept = {
                name: value
                for name, value in answer.headers.items()
                if name in ("Content-Type", "Content-Disposition")
                or (name.startswith("X-") and name != "X-Frame-Options")
            }
            return Answer(status=answer.status, headers=kept, body=await answer.read())

    def _note_avatars(self, view: View, answer: Answer) -> None:
        """SimCord starts a process per picture to check it. Ours need no check, and come at once."""
        try:
            assets = json.loads(answer.body)["assets"]
        except (ValueError, KeyError):
            return
        for key, asset in assets.items():
            path = f"/api/assets/{key}"
            picture = self._avatars.get(asset["filename"])
            if picture is not None and path not in view.avatars:
                size = str(AVATAR_SIZE)
                view.avatars[path] = Answer(
                    status=200,
                    headers={"Content-Type": "image/png", "X-Display-Width": size, "X-Display-Height": size},
                    body=picture,
                )

    def _latest(self, view: View) -> str | None:
        messages = self._stage.env.backend.messages.get(view.channel.id, {})
        seen = [item.id for item in messages.values() if item.visible_to(view.person.actor.id)]
        return str(max(seen)) if seen else None


@contextmanager
def _mentions_in_embeds() -> Iterator[None]:
    """SimCord leaves mentions inside embeds as they were typed; Discord shows names there too."""
    changed = [policies[name] for name in ("embed_description", "embed_field_value")]
    for policy in changed:
        policy["mentions"] = True
    try:
        yield
    finally:
        for policy in changed:
            policy["mentions"] = False


def _kind(body: bytes) -> Any:
    try:
        return json.loads(body).get("kind")
    except (ValueError, AttributeError):
        return None


def _is_stale(answer: Answer) -> bool:
    try:
        receipt = json.loads(answer.body)
        return bool(receipt["rejected"]) and any(
            item.get("code") == "stale-revision" for item in receipt.get("diagnostics", ())
        )
    except (ValueError, KeyError, TypeError):
        return False
