"""Servers, members, roles, scheduled events, commands and the bot's own account."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.wire.standin import payloads
from tests.wire.standin.gateway import Gateway
from tests.wire.standin.rest import ApiError, Request, Rest
from tests.wire.standin.world import Guild, Member, Permission, ScheduledEvent, World

GUILD_MEMBERS = 1 << 1
CANCELED, COMPLETED = 4, 3
#: Scheduled and running events that a server may have at once.
EVENTS_PER_GUILD = 100
#: Discord resets the token of a bot that identifies more often.
IDENTIFIES_PER_DAY = 1000


class Guilds:
    """The routes around servers and the application."""

    def __init__(self, world: World, rest: Rest, gateway: Gateway) -> None:
        self.world = world
        self.rest = rest
        self.gateway = gateway
        #: Registered commands by name; by server in `guild_commands`.
        self.commands: dict[str, dict[str, Any]] = {}
        self.guild_commands: dict[int, dict[str, dict[str, Any]]] = {}
        #: How often a whole command list was put.
        self.command_syncs = 0
        route = rest.route
        route("GET", "/gateway", self.get_gateway)
        route("GET", "/gateway/bot", self.get_gateway)
        route("GET", "/users/@me", self.me)
        route("GET", "/users/{user}", self.get_user)
        route("GET", "/oauth2/applications/@me", self.application)
        route("GET", "/applications/@me", self.application)
        for scope in ("/applications/{application}", "/applications/{application}/guilds/{guild}"):
            route("GET", f"{scope}/commands", self.get_commands)
            route("PUT", f"{scope}/commands", self.put_commands)
        route("GET", "/guilds/{guild}", self.get_guild)
        route("GET", "/guilds/{guild}/channels", self.get_channels)
        route("GET", "/guilds/{guild}/roles", self.get_roles)
        route("POST", "/guilds/{guild}/roles", self.create_role)
        route("GET", "/guilds/{guild}/members", self.get_members)
        route("GET", "/guilds/{guild}/members/{user}", self.get_member)
        route("PUT", "/guilds/{guild}/members/{user}/roles/{role}", self.give_role)
        route("DELETE", "/guilds/{guild}/members/{user}/roles/{role}", self.take_role)
        events = "/guilds/{guild}/scheduled-events"
        route("GET", events, self.get_events)
        route("POST", events, self.create_event)
        route("GET", f"{events}/{{event}}", self.get_event)
        route("PATCH", f"{events}/{{event}}", self.edit_event)
        route("DELETE", f"{events}/{{event}}", self.delete_event)
        route("GET", f"{events}/{{event}}/users", self.get_event_users)

    # The application.

    async def get_gateway(self, request: Request) -> dict[str, Any]:
        left = IDENTIFIES_PER_DAY - self.gateway.identifies
        limit = {"total": IDENTIFIES_PER_DAY, "remaining": left, "reset_after": 0, "max_concurrency": 1}
        return {
            "url": self.gateway.url_for(request.client),
            "shards": self.gateway.shards,
            "session_start_limit": limit,
        }

    async def me(self, request: Request) -> dict[str, Any]:
        return payloads.user(self.world.bot) | {"verified": True, "mfa_enabled": False, "locale": "en-US"}

    async def get_user(self, request: Request) -> dict[str, Any]:
        user = self.world.users.get(request.id("user"))
        if user is None:
            raise ApiError(10013)
        return payloads.user(user)

    async def application(self, request: Request) -> dict[str, Any]:
        owner = next((u for u in self.world.users.values() if not u.bot), self.world.bot)
        return {
            "id": str(self.world.bot.id),
            "name": self.world.bot.name,
            "icon": None,
            "description": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "flags": 0,
            "owner": payloads.user(owner),
            "team": None,
            "summary": "",
        }

    def _scope(self, request: Request) -> dict[str, dict[str, Any]]:
        if "guild" not in request.args:
            return self.commands
        guild = self.rest.guild(request.id("guild"))
        return self.guild_commands.setdefault(guild.id, {})

    async def get_commands(self, request: Request) -> list[dict[str, Any]]:
        return list(self._scope(request).values())

    async def put_commands(self, request: Request) -> list[dict[str, Any]]:
        """Replace the list; a command that keeps name and type keeps its id."""
        scope = self._scope(request)
        old = {(c["name"], c["type"]): c["id"] for c in scope.values()}
        scope.clear()
        for body in request.body or ():
            kind = body.get("type") or 1
            known = old.get((body["name"], kind)) or str(self.world.snowflake())
            scope[body["name"]] = {
                "default_member_permissions": None,
                "description": "",
                "options": [],
                "dm_permission": True,
                "nsfw": False,
                **body,
                "id": known,
                "type": kind,
                "application_id": str(self.world.bot.id),
                "version": str(self.world.snowflake()),
            }
            if "guild" in request.args:
                scope[body["name"]]["guild_id"] = request.args["guild"]
        self.command_syncs += 1
        return list(scope.values())

    # Servers and members.

    async def get_guild(self, request: Request) -> dict[str, Any]:
        return payloads.guild(self.world, self.rest.guild(request.id("guild")))

    async def get_channels(self, request: Request) -> list[dict[str, Any]]:
        guild = self.rest.guild(request.id("guild"))
        return [payloads.channel(self.world, self.world.channels[c]) for c in guild.channel_ids]

    async def get_roles(self, request: Request) -> list[dict[str, Any]]:
        return [payloads.role(r) for r in self.rest.guild(request.id("guild")).roles.values()]

    async def create_role(self, request: Request) -> dict[str, Any]:
        guild = self.rest.guild(request.id("guild"), Permission.MANAGE_ROLES)
        body = request.body or {}
        role = self.world.add_role(guild, body.get("name", "new role"), int(body.get("permissions") or 0))
        payload = payloads.role(role)
        self.gateway.dispatch(
            "GUILD_ROLE_CREATE", {"guild_id": str(guild.id), "role": payload}, guild_id=guild.id
        )
        return payload

    async def get_members(self, request: Request) -> list[dict[str, Any]]:
        guild = self.rest.guild(request.id("guild"))
        if not self.gateway.approved_intents & GUILD_MEMBERS:
            raise ApiError(50001)
        after, limit = int(request.query.get("after", 0)), int(request.query.get("limit", 1))
        ids = sorted(user_id for user_id in guild.members if user_id > after)[:limit]
        return [payloads.member(self.world, guild.members[user_id]) for user_id in ids]

    def _member(self, guild: Guild, user_id: int) -> Member:
        member = guild.members.get(user_id)
        if member is None:
            raise ApiError(10007 if user_id in self.world.users else 10013)
        return member

    async def get_member(self, request: Request) -> dict[str, Any]:
        guild = self.rest.guild(request.id("guild"))
        return payloads.member(self.world, self._member(guild, request.id("user")))

    async def give_role(self, request: Request) -> None:
        guild, member, role_id = self._role_change(request)
        member.role_ids.add(role_id)
        self.announce_member(guild, member)

    async def take_role(self, request: Request) -> None:
        guild, member, role_id = self._role_change(request)
        member.role_ids.discard(role_id)
        self.announce_member(guild, member)

    def _role_change(self, request: Request) -> tuple[Guild, Member, int]:
        guild = self.rest.guild(request.id("guild"), Permission.MANAGE_ROLES)
        member = self._member(guild, request.id("user"))
        role = guild.roles.get(request.id("role"))
        if role is None:
            raise ApiError(10011)
        if role.managed or role.position >= self.world.top_position(guild, self.world.bot.id):
            raise ApiError(50013)
        return guild, member, role.id

    def announce_member(self, guild: Guild, member: Member) -> None:
        payload = payloads.member(self.world, member) | {"guild_id": str(guild.id)}
        self.gateway.dispatch("GUILD_MEMBER_UPDATE", payload, guild_id=guild.id)

    # Scheduled events.

    def _event(self, request: Request) -> tuple[Guild, ScheduledEvent]:
        guild = self.rest.guild(request.id("guild"))
        event = guild.events.get(request.id("event"))
        if event is None:
            raise ApiError(10070)
        return guild, event

    async def get_events(self, request: Request) -> list[dict[str, Any]]:
        guild = self.rest.guild(request.id("guild"))
        return [payloads.event(self.world, event) for event in guild.events.values()]

    async def create_event(self, request: Request) -> dict[str, Any]:
        guild = self.rest.guild(request.id("guild"), Permission.CREATE_EVENTS)
        if len(guild.events) >= EVENTS_PER_GUILD:
            raise ApiError(30038)
        self._in_future(request.body)
        event = ScheduledEvent(
            self.world.snowflake(), guild.id, self.world.bot.id, {**request.body, "status": 1}
        )
        guild.events[event.id] = event
        return self.announce_event("GUILD_SCHEDULED_EVENT_CREATE", event)

    async def get_event(self, request: Request) -> dict[str, Any]:
        return payloads.event(self.world, self._event(request)[1])

    async def edit_event(self, request: Request) -> dict[str, Any]:
        _, event = self._event(request)
        self._may_change(event)
        self._in_future(request.body)
        return self.change_event(event, request.body)

    def change_event(self, event: ScheduledEvent, fields: dict[str, Any]) -> dict[str, Any]:
        """Edit an event, as the bot does over REST or a person in Discord's own dialog."""
        event.fields |= fields
        payload = self.announce_event("GUILD_SCHEDULED_EVENT_UPDATE", event)
        if event.fields["status"] in (CANCELED, COMPLETED):
            del self.world.guilds[event.guild_id].events[event.id]
        return payload

    async def delete_event(self, request: Request) -> None:
        _, event = self._event(request)
        self._may_change(event)
        self.remove_event(event)

    def remove_event(self, event: ScheduledEvent) -> None:
        """Delete an event, as the bot or a person does."""
        del self.world.guilds[event.guild_id].events[event.id]
        self.announce_event("GUILD_SCHEDULED_EVENT_DELETE", event)

    async def get_event_users(self, request: Request) -> list[dict[str, Any]]:
        guild, event = self._event(request)
        after, limit = int(request.query.get("after", 0)), int(request.query.get("limit", 100))
        ids = sorted(user_id for user_id in event.user_ids if user_id > after)[:limit]
        return [
            {
                "guild_scheduled_event_id": str(event.id),
                "user": payloads.user(self.world.users[user_id]),
                "member": payloads.member(self.world, guild.members[user_id]),
            }
            for user_id in ids
        ]

    def announce_event(self, name: str, event: ScheduledEvent) -> dict[str, Any]:
        payload = payloads.event(self.world, event)
        self.gateway.dispatch(name, payload, guild_id=event.guild_id)
        return payload

    def _may_change(self, event: ScheduledEvent) -> None:
        own = event.creator_id == self.world.bot.id
        self.rest.guild(event.guild_id, Permission.CREATE_EVENTS if own else Permission.MANAGE_EVENTS)

    def _in_future(self, body: dict[str, Any]) -> None:
        start = body.get("scheduled_start_time")
        if start is not None and datetime.fromisoformat(start) <= self.world.clock.now():
            raise ApiError(50035, "scheduled_start_time: Cannot schedule event in the past.")
