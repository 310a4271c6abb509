"""Discord's gateway (v10): hello, identify, heartbeat, resume with replay, invalid session, reconnect.

A session outlives its connection: events sent meanwhile are kept and replayed when the client resumes. All
that is sent on a connection goes through one queue, so `dispatch` never waits and events keep their order.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiohttp import WSCloseCode, WSMsgType, web

from tests.wire.standin import payloads
from tests.wire.standin.compression import compressor
from tests.wire.standin.world import Guild, World

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE_STATE, RESUME = 0, 1, 2, 3, 4, 6
RECONNECT, REQUEST_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 7, 8, 9, 10, 11
UNKNOWN_OPCODE, NOT_AUTHENTICATED, AUTHENTICATION_FAILED, ALREADY_AUTHENTICATED = 4001, 4003, 4004, 4005
INVALID_SHARD, DISALLOWED_INTENTS = 4010, 4014
#: Members, presences and message content: the intents that need Discord's approval.
PRIVILEGED = 1 << 1 | 1 << 8 | 1 << 15
#: The intent bits that let an event through, (in a server, in a direct message).
INTENTS = {
    "GUILD_": (1 << 0, 0),
    "CHANNEL_": (1 << 0, 1 << 0),
    "THREAD_": (1 << 0, 0),
    "GUILD_MEMBER_": (1 << 1, 0),
    "GUILD_SCHEDULED_EVENT_": (1 << 16, 0),
    "VOICE_STATE_": (1 << 7, 0),
    "MESSAGE_": (1 << 9, 1 << 12),
}
#: Events a session keeps for a resume; Discord keeps a bounded number too.
REPLAY = 10_000


def passes(event: str, intents: int, *, in_guild: bool) -> bool:
    """Whether a session with these intents receives this event."""
    fitting = [bits for prefix, bits in INTENTS.items() if event.startswith(prefix)]
    if not fitting:
        return True
    wanted = max(fitting)[0 if in_guild else 1]  # the most particular prefix has the highest bit
    return bool(wanted & intents)


@dataclass(frozen=True)
class Kept:
    """An event kept for a resume, and what to call when its bytes leave."""

    sequence: int
    payload: dict[str, Any]
    sent: Callable[[], None] | None


@dataclass
class Session:
    """What Discord remembers about one identified shard."""

    id: str
    shard: int
    intents: int
    client: str
    sequence: int = 0
    kept: deque[Kept] = field(default_factory=lambda: deque(maxlen=REPLAY))
    connection: Connection | None = None


class Connection:
    """One WebSocket, with the task that writes to it."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request, kind: str | None) -> None:
        self.socket = socket
        self.request = request
        self.client = request.match_info["client"]
        self.session: Session | None = None
        self.acknowledges = True
        self.silent = False
        #: The code that we closed it with; a client echoes another one.
        self.closed_with: int | None = None
        self._compression = compressor(kind)
        # None ends the writer.
        self._queue: asyncio.Queue[tuple[dict[str, Any], Callable[[], None] | None] | None] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write(), name="stand-in gateway writer")

    def send(self, op: int, data: Any = None, **more: Any) -> None:
        self.put({"op": op, "d": data, "s": None, "t": None} | more)

    def put(self, payload: dict[str, Any], sent: Callable[[], None] | None = None) -> None:
        """Queue a payload; `sent` is called just before its bytes leave."""
        self._queue.put_nowait((payload, sent))

    async def _write(self) -> None:
        while (entry := await self._queue.get()) is not None:
            payload, sent = entry
            if self.silent:
                continue
            text = json.dumps(payload)
            if sent is not None:
                sent()
            try:
                if self._compression is None:
                    await self.socket.send_str(text)
                else:
                    stream, mode = self._compression
                    await self.socket.send_bytes(stream.compress(text.encode()) + stream.flush(mode))
            except ConnectionError:
                return

    @property
    def code(self) -> int | None:
        """What it was closed with, by us or by the client."""
        return self.closed_with or self.socket.close_code

    async def close(self, code: int) -> None:
        """Close with a code, after what is queued has left."""
        self.closed_with = code
        await self.stop()
        await self.socket.close(code=code)

    def abort(self) -> None:
        """Cut the TCP connection without a close frame."""
        if self.request.transport is not None:
            self.request.transport.abort()

    async def stop(self) -> None:
        """End the writer once it has sent what is queued, or after a second if the client reads no more."""
        self._queue.put_nowait(None)
        await asyncio.wait({self._writer}, timeout=1)
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)


class Gateway:
    """The server side of all shards' connections."""

    def __init__(
        self,
        world: World,
        *,
        token: str,
        shards: int,
        heartbeat_interval: float,
        notify: Callable[[], None],
        violations: list[str],
    ) -> None:
        """`heartbeat_interval` is in seconds; `notify` is called after every change."""
        self.world = world
        self.token = token
        self.shards = shards
        self.heartbeat_interval = heartbeat_interval
        #: The address of the server, ws://host:port.
        self.origin = ""
        #: Intents switched on in the developer portal; identifying with another privileged one closes 4014.
        self.approved_intents = 0
        #: Whether new connections are turned away, as in an outage.
        self.refuses = False
        self.sessions: dict[str, Session] = {}
        self.connections: set[Connection] = set()
        self.identifies = self.resumes = self.heartbeats = 0
        #: Close codes and other ways in which connections ended, oldest first.
        self.endings: list[str] = []
        self.presences: list[dict[str, Any]] = []
        self.violations = violations
        self._notify = notify

    @property
    def ready_shards(self) -> set[int]:
        """Shards that have a live connection with a session."""
        return {s.shard for s in self.sessions.values() if s.connection is not None}

    def url_for(self, client: str) -> str:
        """The gateway's address for one client process."""
        return f"{self.origin}/{client}/gateway/"

    def sessions_of(self, client: str) -> list[Session]:
        """The connected sessions of one client process."""
        return [s for s in self.sessions.values() if s.client == client and s.connection is not None]

    def shard_of(self, guild_id: int | None) -> int:
        return 0 if guild_id is None else (guild_id >> 22) % self.shards

    def dispatch(
        self,
        event: str,
        data: dict[str, Any],
        *,
        guild_id: int | None = None,
        sent: Callable[[], None] | None = None,
    ) -> None:
        """Send an event to every session of the guild's shard that has the intent for it."""
        for session in list(self.sessions.values()):
            if session.shard == self.shard_of(guild_id) and passes(
                event, session.intents, in_guild=guild_id is not None
            ):
                self._send(session, event, data, sent)

    def _send(self, session: Session, event: str, data: Any, sent: Callable[[], None] | None = None) -> None:
        session.sequence += 1
        payload = {"op": DISPATCH, "t": event, "s": session.sequence, "d": data}
        session.kept.append(Kept(session.sequence, payload, sent))
        if session.connection is not None:
            session.connection.put(payload, sent)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One client connection, from hello to its end."""
        if self.refuses:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        connection = Connection(socket, request, request.query.get("compress"))
        self.connections.add(connection)
        connection.send(HELLO, {"heartbeat_interval": int(self.heartbeat_interval * 1000)})
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._received(connection, json.loads(message.data))
                    self._notify()
        except Exception:
            self.violations.append(f"gateway: {traceback.format_exc()}")
        finally:
            self.endings.append(f"close {connection.code}")
            self._forget(connection)
            await connection.stop()
            self._notify()
        return socket

    def _forget(self, connection: Connection) -> None:
        self.connections.discard(connection)
        session = connection.session
        if session is not None and session.connection is connection:
            session.connection = None
            if connection.code in (WSCloseCode.OK, WSCloseCode.GOING_AWAY):
                self.sessions.pop(session.id, None)  # a client that says goodbye cannot resume

    async def _received(self, connection: Connection, message: dict[str, Any]) -> None:
        op, data = message["op"], message.get("d") or {}
        if op == HEARTBEAT:
            self.heartbeats += 1
            if connection.acknowledges:
                connection.send(HEARTBEAT_ACK)
        elif op == IDENTIFY:
            await self._identify(connection, data)
        elif op == RESUME:
            await self._resume(connection, data)
        elif connection.session is None:
            await connection.close(NOT_AUTHENTICATED)
        elif op == PRESENCE:
            self.presences.append(data)
        elif op == REQUEST_MEMBERS:
            self._send_members(connection.session, data)
        elif op != VOICE_STATE:
            await connection.close(UNKNOWN_OPCODE)

    async def _identify(self, connection: Connection, data: dict[str, Any]) -> None:
        if connection.session is not None:
            return await connection.close(ALREADY_AUTHENTICATED)
        if data.get("token") != self.token:
            return await connection.close(AUTHENTICATION_FAILED)
        shard, count = data.get("shard", (0, 1))
        if count != self.shards or shard >= count:
            return await connection.close(INVALID_SHARD)
        if data["intents"] & PRIVILEGED & ~self.approved_intents:
            return await connection.close(DISALLOWED_INTENTS)
        self.identifies += 1
        session = Session(uuid4().hex, shard, data["intents"], connection.client, connection=connection)
        connection.session = session
        self.sessions[session.id] = session
        guilds = [g for g in self.world.guilds.values() if self.shard_of(g.id) == shard]
        ready = {
            "v": 10,
            "user": payloads.user(self.world.bot) | {"verified": True, "mfa_enabled": False},
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.url_for(connection.client),
            "shard": [shard, count],
            "application": {"id": str(self.world.bot.id), "flags": 0},
        }
        self._send(session, "READY", ready)
        for guild in guilds:
            self.send_guild(session, guild)
        return None

    def send_guild(self, session: Session, guild: Guild) -> None:
        """GUILD_CREATE, with what the session's intents let it see."""
        data = payloads.guild(self.world, guild, create=True, intents=session.intents)
        self._send(session, "GUILD_CREATE", data)

    async def _resume(self, connection: Connection, data: dict[str, Any]) -> None:
        session = self.sessions.get(data["session_id"])
        missed = 0 if session is None else session.sequence - data["seq"]
        if data.get("token") != self.token:
            return await connection.close(AUTHENTICATION_FAILED)
        if session is None or not 0 <= missed <= len(session.kept):
            return connection.send(INVALID_SESSION, False)
        self.resumes += 1
        if session.connection is not None and session.connection is not connection:
            session.connection.session = None
            session.connection.abort()
        connection.session, session.connection = session, connection
        for event in session.kept:
            if event.sequence > data["seq"]:
                connection.put(event.payload, event.sent)
        self._send(session, "RESUMED", {})
        return None

    def _send_members(self, session: Session, data: dict[str, Any]) -> None:
        guild = self.world.guilds[int(data["guild_id"])]
        query, limit = (data.get("query") or "").lower(), data.get("limit") or len(guild.members)
        wanted = data.get("user_ids")
        ids = {int(i) for i in ([wanted] if isinstance(wanted, str | int) else wanted or ())}
        if ids:
            found = [m for m in guild.members.values() if m.user_id in ids]
        else:
            names = self.world.users
            found = [m for m in guild.members.values() if names[m.user_id].name.lower().startswith(query)]
        chunk = {
            "guild_id": str(guild.id),
            "members": [payloads.member(self.world, m) for m in found[:limit]],
            "not_found": [str(i) for i in ids - guild.members.keys()],
            "chunk_index": 0,
            "chunk_count": 1,
        }
        self._send(session, "GUILD_MEMBERS_CHUNK", chunk | {"nonce": data.get("nonce")})

    # Faults. Each takes the shard it concerns, or None for all.

    def _of(self, shard: int | None) -> list[Connection]:
        return [
            c
            for c in self.connections
            if shard is None or (c.session is not None and c.session.shard == shard)
        ]

    def drop(self, shard: int | None = None) -> None:
        """Cut the connection as a network failure does; the session can be resumed."""
        for connection in self._of(shard):
            connection.abort()

    def reconnect(self, shard: int | None = None) -> None:
        """Op 7: ask the client to come back and resume."""
        for connection in self._of(shard):
            connection.send(RECONNECT)

    def invalidate(self, shard: int | None = None, *, resumable: bool = False) -> None:
        """Op 9: the session is invalid; with `resumable` the client may resume, else it must identify."""
        for connection in self._of(shard):
            connection.send(INVALID_SESSION, resumable)
            if not resumable and connection.session is not None:
                self.sessions.pop(connection.session.id, None)
                connection.session.connection = None

    async def close(self, code: int, shard: int | None = None) -> None:
        """Close with one of the gateway's codes, such as 4000 (unknown error) or 4009 (timed out)."""
        for connection in self._of(shard):
            await connection.close(code)

    def forget_sessions(self, client: str | None = None) -> None:
        """Expire sessions: the next resume is answered with op 9 and the client identifies anew."""
        for session in list(self.sessions.values()):
            if client is None or session.client == client:
                del self.sessions[session.id]
                if session.connection is not None:
                    session.connection.session = None

    def become_zombie(self, shard: int | None = None) -> None:
        """Keep the connection open but answer and send nothing more on it, heartbeats included."""
        for connection in self._of(shard):
            connection.silent, connection.acknowledges = True, False

    async def stop(self) -> None:
        for connection in list(self.connections):
            await connection.close(WSCloseCode.SERVICE_RESTART)
