"""The REST side: every request passes limits, faults, authorization and validation before its route."""

from __future__ import annotations

import json
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

from tests.openapi import BadBody, BodyValidator
from tests.wire.standin.faults import ERRORS, Fault, Faults
from tests.wire.standin.world import Channel, Guild, Message, Permission, World

BASE = "/api/v10"
#: Rate limit headers of a route without a limit of its own.
ROOMY = (1000, 1.0)


class ApiError(Exception):
    """Answered as Discord's JSON error with this code."""

    def __init__(self, code: int, detail: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status, message = ERRORS[code]
        self.message = detail or message


@dataclass
class Request:
    """One request as the routes see it, and as tests look at it afterwards.

    `path` is below the API base, `at` the arrival in `time.monotonic()` seconds, `client` the process it came
    from, `fault` what was done to it on purpose.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any
    files: dict[str, tuple[str, bytes]]
    at: float
    client: str
    reason: str | None = None
    args: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    fault: str | None = None

    def id(self, name: str) -> int:
        return int(self.args[name])


@dataclass
class Limit:
    """At most `requests` per `seconds` for one route and major parameter."""

    method: str
    path: str
    requests: int
    seconds: float


Handler = Callable[[Request], Awaitable[Any]]


class Rest:
    """Routes, and what stands before them.

    `routes` are (method, template, handler); a handler returns JSON, or None for 204, or raises ApiError.
    """

    def __init__(
        self,
        world: World,
        *,
        token: str,
        validator: BodyValidator | None,
        faults: Faults,
        notify: Callable[[], None],
        violations: list[str],
    ) -> None:
        self.world = world
        self.token = token
        self.validator = validator
        self.faults = faults
        #: Requests a second over all routes; the 429 says global. None switches it off.
        self.global_limit: int | None = 50
        self.limits: list[Limit] = []
        self.requests: list[Request] = []
        self.violations = violations
        self.global_429s = 0
        #: Requests answered 401, 403 or 429; ten thousand in ten minutes end in a ban.
        self.invalid_requests = 0
        self._recent: deque[float] = deque()
        self._used: dict[str, deque[float]] = {}
        self._routes: list[tuple[str, tuple[str, ...], Handler]] = []
        self._notify = notify

    def route(self, method: str, template: str, handler: Handler) -> None:
        self._routes.append((method, tuple(template.strip("/").split("/")), handler))

    def limit(self, method: str, path: str, *, requests: int, seconds: float) -> None:
        """Enforce a limit on routes that fit the glob, per major parameter."""
        self.limits.append(Limit(method, path, requests, seconds))

    async def handle(self, raw: web.Request) -> web.StreamResponse:
        """Answer one HTTP request below the API base."""
        request = await self._read(raw)
        self.requests.append(request)
        path = request.path
        await self.faults.delays(request.method, path, after=False)
        headers, refusal = self._limited(request)
        strike = None if refusal else self.faults.strike(request.method, path)
        if refusal is not None:
            response = refusal
        elif strike is not None and not strike.after:
            response = self._struck(strike, raw, request)
        else:
            response = await self._answer(raw, request)
            await self.faults.delays(request.method, path, after=True)
            if strike is not None:
                response = self._struck(strike, raw, request)
        request.status = response.status
        if response.status in (401, 403, 429):
            self.invalid_requests += 1
        response.headers.update({k: v for k, v in headers.items() if k not in response.headers})
        self._notify()
        return response

    async def _read(self, raw: web.Request) -> Request:
        body, files = None, {}
        if raw.content_type == "multipart/form-data":
            form = await raw.post()
            if "payload_json" in form:
                body = json.loads(str(form["payload_json"]))
            for name, part in form.items():
                if isinstance(part, web.FileField):
                    files[name] = (part.filename, part.file.read())
        elif raw.can_read_body:
            text = await raw.text()
            body = json.loads(text) if text else None
        return Request(
            raw.method,
            "/" + raw.match_info["path"],
            dict(raw.query),
            body,
            files,
            time.monotonic(),
            raw.match_info["client"],
            raw.headers.get("X-Audit-Log-Reason"),
        )

    async def _answer(self, raw: web.Request, request: Request) -> web.Response:
        by_token = request.path.split("/")[1] in ("interactions", "webhooks")
        if not by_token and raw.headers.get("Authorization") != f"Bot {self.token}":
            return _json({"code": 0, "message": "401: Unauthorized"}, 401)
        if self.validator is not None:
            try:
                names = [filename for filename, _ in request.files.values()]
                self.validator.check(request.method, request.path, request.body, names)
            except BadBody as problem:
                self.violations.append(str(problem))
                details = {"body": {"_errors": [{"code": "INVALID", "message": str(problem)}]}}
                return _json({"code": 50035, "message": "Invalid Form Body", "errors": details}, 400)
        handler = self._find(request)
        if handler is None:
            self.violations.append(f"{request.method} {request.path}: the stand-in has no such route")
            return _json({"code": 0, "message": "404: Not Found"}, 404)
        try:
            result = await handler(request)
        except ApiError as error:
            return _json({"code": error.code, "message": error.message}, error.status)
        except Exception:
            self.violations.append(f"{request.method} {request.path}: {traceback.format_exc()}")
            return _json({"code": 0, "message": "the stand-in failed"}, 501)
        return web.Response(status=204) if result is None else _json(result)

    def _find(self, request: Request) -> Handler | None:
        segments = request.path.strip("/").split("/")
        for method, template, handler in self._routes:
            if method == request.method and len(template) == len(segments):
                pairs = list(zip(template, segments, strict=True))
                if all(want == got for want, got in pairs if want[0] != "{"):
                    request.args = {want[1:-1]: got for want, got in pairs if want[0] == "{"}
                    return handler
        return None

    def _limited(self, request: Request) -> tuple[dict[str, str], web.Response | None]:
        """Rate limit headers, and the 429 where a limit is exceeded; answers to interactions do not count
        globally."""
        now = time.monotonic()
        parts = request.path.split("/")
        if self.global_limit is not None and parts[1] not in ("interactions", "webhooks"):
            while self._recent and now - self._recent[0] >= 1.0:
                self._recent.popleft()
            if len(self._recent) >= self.global_limit:
                self.global_429s += 1
                return {}, too_many(1.0 - (now - self._recent[0]), is_global=True)
            self._recent.append(now)
        limit = next(
            (
                rule
                for rule in self.limits
                if fnmatchcase(request.method, rule.method) and fnmatchcase(request.path, rule.path)
            ),
            None,
        )
        shape = "/".join("id" if part.isdigit() else part for part in parts[3:])
        bucket = f"{request.method}:{parts[1]}:{shape if parts[1] != 'webhooks' else 'token'}"
        allowed, seconds = ROOMY if limit is None else (limit.requests, limit.seconds)
        headers = {
            "X-RateLimit-Bucket": bucket,
            "X-RateLimit-Limit": str(allowed),
            "X-RateLimit-Remaining": str(allowed - 1),
            "X-RateLimit-Reset-After": f"{seconds:.3f}",
            "X-RateLimit-Reset": f"{time.time() + seconds:.3f}",
        }
        if limit is None:
            return headers, None
        used = self._used.setdefault(f"{bucket}:{parts[2] if len(parts) > 2 else ''}", deque())
        while used and now - used[0] >= seconds:
            used.popleft()
        if len(used) >= allowed:
            wait = seconds - (now - used[0])
            return headers | {"X-RateLimit-Remaining": "0"}, too_many(wait, is_global=False)
        used.append(now)
        headers["X-RateLimit-Remaining"] = str(allowed - len(used))
        headers["X-RateLimit-Reset-After"] = f"{seconds - (now - used[0]):.3f}"
        return headers, None

    def _struck(self, fault: Fault, raw: web.Request, request: Request) -> web.Response:
        request.fault = fault.kind if fault.kind != "status" else str(fault.status)
        if fault.kind == "drop":
            if raw.transport is not None:
                raw.transport.abort()
            return web.Response(status=499)  # never leaves; the log shows that nobody got an answer
        if fault.kind == "ratelimit":
            return too_many(fault.seconds, is_global=fault.is_global)
        if fault.kind == "error":
            error = ApiError(fault.code)
            return _json({"code": error.code, "message": error.message}, error.status)
        return web.Response(status=fault.status, text="upstream connect error", content_type="text/html")

    # What the routes ask the world, with Discord's error codes for an answer.

    def channel(self, channel_id: int, *needed: Permission) -> Channel:
        """The channel, if the bot sees it and has these permissions in it."""
        channel = self.world.channels.get(channel_id)
        if channel is None:
            raise ApiError(10003)
        guild = self.world.guild_of(channel)
        if guild is not None:
            allowed = self.world.permissions(guild, self.world.bot.id, channel)
            if not allowed & Permission.VIEW_CHANNEL:
                raise ApiError(50001)
            if any(not allowed & one for one in needed):
                raise ApiError(50013)
        elif channel.guild_id is not None:
            raise ApiError(50001)
        return channel

    def guild(self, guild_id: int, *needed: Permission) -> Guild:
        """The server, if the bot is in it and has these permissions."""
        guild = self.world.guilds.get(guild_id)
        if guild is None:
            raise ApiError(10004)
        if self.world.bot.id not in guild.members:
            raise ApiError(50001)
        allowed = self.world.permissions(guild, self.world.bot.id)
        if any(not allowed & one for one in needed):
            raise ApiError(50013)
        return guild

    def message(self, channel_id: int, message_id: int) -> Message:
        message = self.world.messages.get(message_id)
        if message is None or message.deleted or message.ephemeral or message.channel_id != channel_id:
            raise ApiError(10008)
        return message


def _json(data: Any, status: int = 200) -> web.Response:
    # discord.py reads JSON only under exactly this content type, without a charset.
    return web.Response(status=status, body=json.dumps(data).encode(), content_type="application/json")


def too_many(retry_after: float, *, is_global: bool) -> web.Response:
    """A 429 as Discord's edge sends it; without `Via` discord.py takes it for a ban."""
    response = _json(
        {"message": "You are being rate limited.", "retry_after": round(retry_after, 3), "global": is_global},
        429,
    )
    response.headers.update(
        {
            "Via": "1.1 google",
            "Retry-After": str(int(retry_after) + 1),
            "X-RateLimit-Scope": "global" if is_global else "user",
        }
    )
    if is_global:
        response.headers["X-RateLimit-Global"] = "true"
    return response
