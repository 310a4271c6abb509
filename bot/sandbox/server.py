"""The demo's page and what it asks for, on one loopback port."""

import logging
import secrets
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.sandbox.stage import Person, Stage
from bot.sandbox.views import Views

log = logging.getLogger(__name__)

SECRET = "X-Cohort-Demo"  # noqa: S105 - the name of a header
LONGEST_SKIP = timedelta(days=31)
HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'self'; connect-src 'self' blob:; img-src 'self' blob: data:; media-src 'self' blob:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
    ),
}
# SimCord's fonts weigh megabytes and its thirty modules are asked for at each switch.
KEPT = "max-age=600"


class Page:
    """Serves the shell, SimCord's page inside it, and the requests of both.

    The address carries a secret behind its `#`, which browsers do not send along: whoever has it can
    act as everyone in the demo. It listens on the loopback address only.
    """

    def __init__(self, stage: Stage, views: Views) -> None:
        self._stage = stage
        self._views = views
        self._secret = secrets.token_urlsafe(24)
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/#{self._secret}"

    @property
    def secret(self) -> str:
        return self._secret

    async def start(self, listening: socket.socket) -> None:
        """Serve on a bound socket, which is closed with the page."""
        self._port = listening.getsockname()[1]
        app = web.Application(middlewares=[self._guard], client_max_size=27 * 1024 * 1024)
        app.router.add_get("/", self._shell)
        app.router.add_get("/demo/state", self._state)
        app.router.add_post("/demo/skip", self._skip)
        app.router.add_post("/demo/voice", self._voice)
        app.router.add_static("/demo/", Path(str(files("bot.sandbox") / "page")))
        app.router.add_get("/preview/", self._preview)
        app.router.add_route("*", "/api/{rest:.*}", self._forward)
        app.router.add_static("/", Path(str(files("simcord.preview") / "static")))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        # A foreign page must not reach this one by giving its own name the loopback address.
        if request.host.partition(":")[0] not in ("127.0.0.1", "localhost"):
            raise web.HTTPForbidden
        origin = request.headers.get("Origin")
        if origin is not None and origin != f"http://{request.host}":
            raise web.HTTPForbidden
        response = await handler(request)
        response.headers.update(HEADERS)
        is_file = isinstance(response, web.FileResponse) and not request.path.startswith("/demo/")
        response.headers["Cache-Control"] = KEPT if is_file else "no-store"
        return response

    async def _shell(self, _request: web.Request) -> web.Response:
        return _html((files("bot.sandbox") / "page" / "index.html").read_text("utf-8"))

    async def _preview(self, _request: web.Request) -> web.Response:
        """SimCord's page with our style: what is its tool for testers is out of sight."""
        text = (files("simcord.preview") / "static" / "index.html").read_text("utf-8")
        return _html(
            text.replace("<title>SimCord Preview</title>", "<title>Conversation</title>").replace(
                "</head>",
                '<link rel="stylesheet" href="/demo/preview.css">'
                '<script src="/demo/preview.js"></script></head>',
            )
        )

    async def _forward(self, request: web.Request) -> web.Response:
        answer = await self._views.forward(
            method=request.method,
            path=request.path,
            query=request.query_string,
            headers=request.headers,
            body=await request.read(),
        )
        if answer is None:
            raise web.HTTPUnauthorized
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async def _state(self, request: web.Request) -> web.Response:
        self._check(request)
        return web.json_response(self.state())

    async def _skip(self, request: web.Request) -> web.Response:
        self._check(request)
        body = await _json(request)
        seconds = body.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise web.HTTPBadRequest(text="seconds must be a number")
        amount = timedelta(seconds=seconds)
        if not timedelta(0) < amount <= LONGEST_SKIP:
            raise web.HTTPBadRequest(text=f"seconds must be more than 0 and at most {LONGEST_SKIP.days} days")
        await self._stage.skip(amount)
        await self._views.publish()
        return web.json_response(self.state())

    async def _voice(self, request: web.Request) -> web.Response:
        self._check(request)
        body = await _json(request)
        try:
            person = self._stage.person(int(body["member"]))
        except (KeyError, TypeError, ValueError, LookupError):
            raise web.HTTPBadRequest(text="member must be the id of someone here") from None
        await self._stage.sit_down(person, seated=bool(body.get("seated")))
        return web.json_response(self.state())

    def state(self) -> dict[str, Any]:
        """What the shell shows: ids as strings, for JavaScript's numbers are too short."""
        channels = self._stage.channels()
        return {
            "server": self._stage.world.guild.name,
            "now": self._stage.now.isoformat(),
            "channels": [
                {
                    "id": str(channel.id),
                    "name": channel.name,
                    "kind": channel.kind,
                    "topic": channel.topic,
                    "parent": str(channel.parent) if channel.parent is not None else None,
                }
                for channel in channels
            ],
            "events": self._stage.events(),
            "people": [
                {
                    "id": str(person.actor.id),
                    "name": person.name,
                    "role": person.role,
                    "zone": person.zone,
                    "colour": person.colour,
                    "seated": self._stage.in_voice(person),
                    "views": {
                        **{str(channel.id): self._view(person, channel.handle) for channel in channels},
                        "dm": self._view(person, person.actor.user.dm_channel),
                    },
                }
                for person in self._stage.people
            ],
        }

    def _view(self, person: Person, channel: Any) -> dict[str, str]:
        return {
            "token": self._views.token(person, channel),
            "newest": str(self._stage.newest(channel, person.actor.id)),
        }

    def _check(self, request: web.Request) -> None:
        if not secrets.compare_digest(request.headers.get(SECRET, ""), self._secret):
            raise web.HTTPUnauthorized


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="a JSON object is required")
    return body


def _html(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html", charset="utf-8")
