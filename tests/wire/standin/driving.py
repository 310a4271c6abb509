"""What members do: slash commands, menus, suggestions, buttons, selects and modals, as a client sends them.

A client refuses what the command list does not allow (a missing option, a value that is no choice), and so do
these functions: they raise Unusable, since such an interaction never reaches a bot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from tests.wire.standin import payloads
from tests.wire.standin.gateway import Gateway
from tests.wire.standin.guilds import Guilds
from tests.wire.standin.interactions import (
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    MODAL_SUBMIT,
    Interaction,
    Interactions,
)
from tests.wire.standin.messages import Messages
from tests.wire.standin.world import DM, Message, User, World, walk

SUB, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(1, 12)
USER_MENU, MESSAGE_MENU = 2, 3
#: What a component of this type resolves its values to.
SELECTED = {5: "users", 6: "roles", 8: "channels"}
UPLOAD_LIMIT = 10 * 1024 * 1024


class Unusable(AssertionError):
    """Discord's client would not let a member do this."""


def id_of(value: Any) -> int:
    """The id of a user, member, role, channel or message, or the number itself."""
    return value if isinstance(value, int) else int(getattr(value, "user_id", None) or value.id)


class Driving:
    """Builds interactions and sends them over the gateway."""

    def __init__(
        self,
        world: World,
        gateway: Gateway,
        guilds: Guilds,
        messages: Messages,
        interactions: Interactions,
        now: Callable[[], float],
    ) -> None:
        self.world = world
        self.gateway = gateway
        self.guilds = guilds
        self.messages = messages
        self.interactions = interactions
        self._now = now

    def command(
        self, user: Any, channel: Any, name: str, options: Mapping[str, Any], focused: str | None = None
    ) -> Interaction:
        """A slash command such as "meetup schedule"; with `focused` the suggestions for that option.

        Users, roles and channels are given by id or object, a file as (name, bytes), a choice by name or
        value.
        """
        command, node, path = self._find(name, channel)
        resolved: dict[str, dict[str, Any]] = {}
        given = [
            self._option(spec, options[spec["name"]], resolved, user, channel, spec["name"] == focused)
            for spec in node.get("options") or ()
            if spec["name"] in options
        ]
        known = {spec["name"]: spec for spec in node.get("options") or ()}
        if unknown := options.keys() - known.keys():
            raise Unusable(f"/{name} has no option {sorted(unknown)}, it has {sorted(known)}")
        if focused is not None and not known.get(focused, {}).get("autocomplete"):
            raise Unusable(f"/{name} suggests nothing for {focused!r}")
        missing = [key for key, spec in known.items() if spec.get("required") and key not in options]
        if missing and focused is None:
            raise Unusable(f"/{name} needs {missing}")
        for step, kind in reversed(path):
            given = [{"name": step, "type": kind, "options": given}]
        data: dict[str, Any] = {"id": command["id"], "name": command["name"], "type": 1, "options": given}
        if "guild_id" in command:
            data["guild_id"] = command["guild_id"]
        if resolved:
            data["resolved"] = resolved
        kind = COMMAND if focused is None else AUTOCOMPLETE
        return self._send(kind, user, channel, data, f"/{name}")

    def menu(self, user: Any, channel: Any, name: str, target: Message | User) -> Interaction:
        """A context menu command on a message or a user."""
        command = self._registered(channel).get(name)
        wanted = MESSAGE_MENU if isinstance(target, Message) else USER_MENU
        if command is None or command["type"] != wanted:
            raise Unusable(
                f"no menu command {name!r} of type {wanted}, there are {sorted(self.guilds.commands)}"
            )
        resolved: dict[str, dict[str, Any]] = {}
        if isinstance(target, Message):
            resolved["messages"] = {str(target.id): payloads.message(self.world, target)}
        else:
            self._resolve_user(target.id, channel, resolved)
        data = {"id": command["id"], "name": name, "type": wanted, "options": []}
        data |= {"target_id": str(target.id), "resolved": resolved}
        return self._send(COMMAND, user, channel, data, name)

    def component(
        self, user: Any, message: Message, which: str, values: Sequence[Any] | None = None
    ) -> Interaction:
        """Press a button, or choose in a select, by custom id or label."""
        component = message.component(which)
        if component.get("disabled"):
            raise Unusable(f"{which!r} is disabled")
        if message.deleted:
            raise Unusable(f"message {message.id} is deleted")
        data: dict[str, Any] = {
            "custom_id": component["custom_id"],
            "component_type": component["type"],
            "id": component["id"],
        }
        if values is not None:
            data |= self._chosen(component, values, message.channel_id, user)
        return self._send(COMPONENT, user, message.channel_id, data, which, source=message)

    def modal(self, opened_by: Interaction, answers: Mapping[str, Any]) -> Interaction:
        """Submit the modal that answered `opened_by`; answers by custom id or label, defaults stay."""
        modal = opened_by.modal
        if modal is None:
            raise Unusable(f"{opened_by.name} was not answered with a modal")
        left = dict(answers)
        resolved: dict[str, dict[str, Any]] = {}
        components = [self._filled(c, left, resolved, opened_by) for c in modal["components"]]
        if left:
            raise Unusable(f"the modal {modal['title']!r} has no field {sorted(left)}")
        data: dict[str, Any] = {"custom_id": modal["custom_id"], "components": components}
        if resolved:
            data["resolved"] = resolved
        name = f"modal {modal['title']}"
        return self._send(
            MODAL_SUBMIT, opened_by.user_id, opened_by.channel_id, data, name, source=opened_by.source
        )

    # Commands and their options.

    def _registered(self, channel: Any) -> dict[str, dict[str, Any]]:
        guild_id = self.world.channels[id_of(channel)].guild_id
        return self.guilds.commands | self.guilds.guild_commands.get(guild_id or 0, {})

    def _find(self, name: str, channel: Any) -> tuple[dict[str, Any], dict[str, Any], list[tuple[str, int]]]:
        first, *rest = name.split()
        registered = self._registered(channel)
        if first not in registered or registered[first]["type"] != 1:
            raise Unusable(f"no command /{first}, there are {sorted(registered)}")
        node, path = registered[first], []
        for step in rest:
            under = {o["name"]: o for o in node.get("options") or () if o["type"] in (SUB, GROUP)}
            if step not in under:
                raise Unusable(f"/{name} does not exist, below are {sorted(under)}")
            node = under[step]
            path.append((step, node["type"]))
        if any(o["type"] in (SUB, GROUP) for o in node.get("options") or ()):
            raise Unusable(f"/{name} is a group, not a command")
        return registered[first], node, path

    def _option(
        self,
        spec: dict[str, Any],
        value: Any,
        resolved: dict[str, dict[str, Any]],
        user: Any,
        channel: Any,
        focused: bool,
    ) -> dict[str, Any]:
        name, kind = spec["name"], spec["type"]
        if focused:
            return {"name": name, "type": kind, "value": value, "focused": True}
        if kind == ATTACHMENT:
            filename, data = value
            value = self._attach(filename, data, id_of(channel), resolved)
        elif kind in (USER, ROLE, CHANNEL, MENTIONABLE):
            value = self._resolve(kind, id_of(value), channel, user, resolved)
        else:
            value = self._plain(spec, value)
        return {"name": name, "type": kind, "value": value}

    def _plain(self, spec: dict[str, Any], value: Any) -> Any:
        name, choices = spec["name"], spec.get("choices") or ()
        types: Any = {STRING: str, INTEGER: int, BOOLEAN: bool, NUMBER: (int, float)}[spec["type"]]
        if choices:
            by_name = {choice["name"]: choice["value"] for choice in choices}
            value = by_name.get(value, value)
            if value not in by_name.values():
                raise Unusable(f"{name}: {value!r} is no choice, there are {by_name}")
        if not isinstance(value, types) or (isinstance(value, bool) and spec["type"] != BOOLEAN):
            raise Unusable(f"{name}: {value!r} is not of option type {spec['type']}")
        size = len(value) if isinstance(value, str) else value
        least = spec.get("min_length", spec.get("min_value"))
        most = spec.get("max_length", spec.get("max_value", 6000 if isinstance(value, str) else None))
        if (least is not None and size < least) or (most is not None and size > most):
            raise Unusable(f"{name}: {value!r} is not within {least} and {most}")
        return value

    def _resolve(
        self, kind: int, wanted: int, channel: Any, user: Any, resolved: dict[str, dict[str, Any]]
    ) -> str:
        guild = self.world.guild_of(self.world.channels[id_of(channel)])
        if kind in (USER, MENTIONABLE) and wanted in self.world.users:
            self._resolve_user(wanted, channel, resolved)
        elif kind in (ROLE, MENTIONABLE) and guild is not None:
            resolved.setdefault("roles", {})[str(wanted)] = payloads.role(guild.roles[wanted])
        elif kind == CHANNEL and guild is not None:
            chosen = self.world.channels[wanted]
            allowed = self.world.permissions(guild, id_of(user), chosen)
            payload = payloads.channel(self.world, chosen) | {"permissions": str(allowed)}
            resolved.setdefault("channels", {})[str(wanted)] = payload
        else:
            raise Unusable(f"{wanted} cannot be chosen here")
        return str(wanted)

    def _resolve_user(self, wanted: int, channel: Any, resolved: dict[str, dict[str, Any]]) -> None:
        guild = self.world.guild_of(self.world.channels[id_of(channel)])
        resolved.setdefault("users", {})[str(wanted)] = payloads.user(self.world.users[wanted])
        if guild is not None and wanted in guild.members:
            member = payloads.member(self.world, guild.members[wanted], with_user=False)
            member["permissions"] = str(self.world.permissions(guild, wanted))
            resolved.setdefault("members", {})[str(wanted)] = member

    def _attach(
        self, filename: str, data: bytes, channel_id: int, resolved: dict[str, dict[str, Any]]
    ) -> str:
        if len(data) > UPLOAD_LIMIT:
            raise Unusable(f"{filename} has {len(data)} bytes, allowed are {UPLOAD_LIMIT}")
        attachment = self.messages.attachment(channel_id, filename, data) | {"ephemeral": True}
        resolved.setdefault("attachments", {})[attachment["id"]] = attachment
        return str(attachment["id"])

    # Components and modals.

    def _chosen(
        self, component: dict[str, Any], values: Sequence[Any], channel: Any, user: Any
    ) -> dict[str, Any]:
        least, most = component.get("min_values", 1), component.get("max_values", 1)
        if not least <= len(values) <= most:
            raise Unusable(f"{len(values)} values chosen, allowed are {least} to {most}")
        resolved: dict[str, dict[str, Any]] = {}
        if component["type"] == 3:
            by_label = {option["label"]: option["value"] for option in component["options"]}
            picked = [by_label.get(value, value) for value in values]
            if wrong := set(picked) - set(by_label.values()):
                raise Unusable(f"{sorted(wrong)} cannot be chosen, there are {by_label}")
            return {"values": picked}
        kind = {5: USER, 6: ROLE, 7: MENTIONABLE, 8: CHANNEL}[component["type"]]
        picked = [self._resolve(kind, id_of(value), channel, user, resolved) for value in values]
        return {"values": picked, "resolved": resolved}

    def _filled(
        self,
        component: dict[str, Any],
        left: dict[str, Any],
        resolved: dict[str, dict[str, Any]],
        by: Interaction,
    ) -> dict[str, Any]:
        """One modal component as submitted: rows and labels with what they hold, inputs with values."""
        kind = component["type"]
        base = {"type": kind, "id": component.get("id", 0)}
        if kind == 1:
            return base | {
                "components": [self._filled(c, left, resolved, by) for c in component["components"]]
            }
        if kind == 18:
            inner = dict(component["component"])
            inner.setdefault("label", component["label"])
            return base | {"component": self._filled(inner, left, resolved, by)}
        if "custom_id" not in component:
            return base
        key = component["custom_id"] if component["custom_id"] in left else component.get("label") or ""
        base["custom_id"] = component["custom_id"]
        if kind == 4:
            value = left.pop(key, component.get("value") or "")
            self._typed(component, value)
            return base | {"value": value}
        if kind == 19:
            files = left.pop(key, [])
            return base | {"values": [self._attach(n, d, by.channel_id, resolved) for n, d in files]}
        preset = [o["value"] for o in component.get("options") or () if o.get("default")]
        chosen = self._chosen(component, left.pop(key, preset), by.channel_id, by.user_id)
        for what, found in chosen.pop("resolved", {}).items():
            resolved.setdefault(what, {}).update(found)
        return base | chosen

    def _typed(self, field: dict[str, Any], value: str) -> None:
        least, most = field.get("min_length") or 0, field.get("max_length") or 4000
        required = field.get("required", True)
        if (required and not value) or (value and not least <= len(value) <= most):
            raise Unusable(f"{field.get('label')}: {value[:50]!r} does not have {least} to {most} characters")

    # Sending.

    def _send(
        self,
        kind: int,
        user: Any,
        channel: Any,
        data: dict[str, Any],
        name: str,
        source: Message | None = None,
    ) -> Interaction:
        user_id, where = id_of(user), self.world.channels[id_of(channel)]
        interaction = Interaction(
            self.world.snowflake(),
            f"token-{uuid4().hex}",
            kind,
            user_id,
            where.id,
            where.guild_id,
            self.world.clock.now(),
            source,
            name,
        )
        self.interactions.add(interaction)

        def sent() -> None:
            interaction.sent_at = interaction.sent_at or self._now()

        payload = self._payload(interaction, data)
        self.gateway.dispatch("INTERACTION_CREATE", payload, guild_id=where.guild_id, sent=sent)
        return interaction

    def _payload(self, interaction: Interaction, data: dict[str, Any]) -> dict[str, Any]:
        world, channel = self.world, self.world.channels[interaction.channel_id]
        guild = world.guild_of(channel)
        payload: dict[str, Any] = {
            "id": str(interaction.id),
            "application_id": str(world.bot.id),
            "type": interaction.type,
            "token": interaction.token,
            "version": 1,
            "data": data,
            "channel_id": str(channel.id),
            "locale": world.users[interaction.user_id].locale,
            "entitlements": [],
            "context": 1 if channel.type == DM else 0,
            "attachment_size_limit": UPLOAD_LIMIT,
            "channel": payloads.channel(world, channel),
            "authorizing_integration_owners": {"0": str(channel.guild_id or 0)},
        }
        if interaction.source is not None:
            payload["message"] = payloads.message(world, interaction.source)
        if guild is None:
            payload |= {"app_permissions": "0", "user": payloads.user(world.users[interaction.user_id])}
            return payload
        if interaction.user_id not in guild.members:
            raise Unusable(f"user {interaction.user_id} is not in {guild.name}")
        allowed = world.permissions(guild, interaction.user_id, channel)
        payload["channel"]["permissions"] = str(allowed)
        return payload | {
            "guild_id": str(guild.id),
            "guild_locale": guild.locale,
            "guild": {"id": str(guild.id), "locale": guild.locale, "features": []},
            "app_permissions": str(world.permissions(guild, world.bot.id, channel)),
            "member": payloads.member(world, guild.members[interaction.user_id])
            | {"permissions": str(allowed)},
        }


def labels(message: Message) -> list[str]:
    """The labels of a message's buttons, in reading order."""
    return [c["label"] for c in walk(message.components) if c["type"] == 2 and c.get("label")]
