"""Strategies: interactions that a client could send, of what the town has and of what means it no good."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from simcord.backend import serializers

from bot.ui.buttons import TEMPLATE
from tests.fuzz import values
from tests.fuzz.attack import AUTOCOMPLETE, BUTTON, COMMAND, COMPONENT, Shot, bot_message
from tests.fuzz.rows import Snapshot
from tests.fuzz.surface import Feature, Leaf
from tests.fuzz.town import Server, Town
from tests.fuzz.values import BEYOND, HALVES

STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(3, 12)
KINDS = {USER: "users", ROLE: "roles", CHANNEL: "channels"}


@dataclass
class Stock:
    """What the town has to offer: words and ids of its rows, its people, roles and channels, its buttons."""

    words: tuple[str, ...]
    ids: tuple[int, ...]
    #: By kind of option: id and the `resolved` part that Discord sends with it.
    resolved: dict[int, list[tuple[int, dict[str, Any]]]]
    custom_ids: tuple[str, ...]


def stock(town: Town, there: Snapshot) -> Stock:
    found = {
        value
        for table in there.values()
        for row in table.values()
        for value in row.values()
        if isinstance(value, str) and 0 < len(value) <= 60
    }
    ids = {key[0] for table in there.values() for key in table if len(key) == 1 and isinstance(key[0], int)}
    known = {"fastai-2019:1", "1", "bears", "digits", "Europe/Berlin", "tomorrow 19:00", "in 2 hours", "100"}
    resolved: dict[int, list[tuple[int, dict[str, Any]]]] = {USER: [], ROLE: [], CHANNEL: []}
    for server in town.servers:
        for kind, id_, part in _entities(town, server):
            resolved[kind].append((id_, part))
    backend = town.world.env.backend
    buttons = {
        item["custom_id"]
        for messages in backend.messages.values()
        for message in messages.values()
        for row in message.components
        for item in row.get("components") or ()
        if item.get("custom_id")
    }
    return Stock(tuple(sorted(found | known)), tuple(sorted(ids)), resolved, tuple(sorted(buttons)))


def _entities(town: Town, server: Server) -> list[tuple[int, int, dict[str, Any]]]:
    backend = town.world.env.backend
    guild = backend.get_guild(server.guild.id)
    found: list[tuple[int, int, dict[str, Any]]] = []
    for user_id in [*(person.id for person in server.people), backend.bot_user.id]:
        user = {"users": {str(user_id): dict(serializers.user_payload(backend.get_user(user_id)))}}
        member = serializers.member_payload(backend, guild, guild.members[user_id], with_user=False)
        found.append((USER, user_id, user | {"members": {str(user_id): dict(member)}}))
        found.append((USER, user_id, user))
    for role in guild.roles.values():
        found.append((ROLE, role.id, {"roles": {str(role.id): dict(serializers.role_payload(role))}}))
    for handle in (server.channel, server.voice):
        payload = dict(serializers.channel_payload(backend, backend.get_channel(handle.id)))
        payload["permissions"] = "0"
        found.append((CHANNEL, handle.id, {"channels": {str(handle.id): payload}}))
    return found


@st.composite
def _plain(draw: DrawFn, option: dict[str, Any], stock: Stock) -> Any:
    """A value of the option's own kind: often one that fits, often one beyond what it allows."""
    kind = option["type"]
    if kind == STRING:
        choices = [choice["value"] for choice in option.get("choices") or ()]
        fitting = st.sampled_from(choices) if choices else st.sampled_from(stock.words)
        return draw(st.one_of(fitting, st.sampled_from(stock.ids).map(str), values.texts))
    if kind == INTEGER:
        least, most = option.get("min_value", 0), option.get("max_value", 100)
        return draw(st.one_of(st.integers(least, most), values.integers))
    if kind == NUMBER:
        return draw(values.numbers)
    return draw(st.booleans())


@st.composite
def _attached(draw: DrawFn, town: Town) -> tuple[str, dict[str, Any]]:
    """A file whose name, type and size need not be what it is; now and then it is nowhere to be had."""
    backend = town.world.env.backend
    data, name = draw(values.contents), draw(values.names)
    stored = backend.cdn.store_attachment(backend.snowflake(), 1, name, data, None)
    claimed = draw(values.sizes)
    kind = draw(
        st.sampled_from([None, "image/png", "IMAGE/PNG; x=y", "text/plain", "", "application/zip", "\x00"])
    )
    stored |= {"size": len(data) if claimed is None else claimed}
    if kind is None:
        stored.pop("content_type")
    else:
        stored["content_type"] = kind
    if draw(st.integers(0, 9)) == 0:
        stored["url"] = stored["proxy_url"] = "https://cdn.simcord.invalid/gone"
    return stored["id"], {"attachments": {stored["id"]: stored}}


def option_value(
    draw: DrawFn, option: dict[str, Any], stock: Stock, town: Town, resolved: dict[str, Any], *, odd: bool
) -> Any:
    """The raw value of one option; what it names is added to `resolved`. `odd`: it may be of a wrong kind."""
    kind = option["type"]
    if kind == ATTACHMENT:
        value, part = draw(_attached(town))
    elif kind in KINDS or kind == MENTIONABLE:
        id_, part = draw(st.sampled_from(stock.resolved.get(kind, stock.resolved[USER])))
        value = str(id_)
    else:
        if odd and draw(st.integers(0, 7)) == 0:
            return draw(values.wrong_kinds)
        return draw(_plain(option, stock))
    if odd and draw(st.integers(0, 5)) == 0:
        return str(draw(st.one_of(st.sampled_from(BEYOND), st.sampled_from(stock.ids))))
    for name, entries in part.items():
        resolved.setdefault(name, {}).update(entries)
    return value


@st.composite
def commands(draw: DrawFn, leaf: Leaf, stock: Stock, town: Town, *, odd: bool = True) -> Shot:
    """The slash command with whatever values; `odd`: also what Discord itself would refuse."""
    given, resolved = [], {}
    for option in leaf.options:
        left_out = draw(st.integers(0, 15 if option.get("required") else 2)) == 0
        if left_out and (odd or not option.get("required")):
            continue
        value = option_value(draw, option, stock, town, resolved, odd=odd)
        given.append({"name": option["name"], "type": option["type"], "value": value})
    if odd and draw(st.integers(0, 30)) == 0:
        given.append({"name": "nothing", "type": STRING, "value": draw(values.texts)})
    answers = tuple(draw(st.lists(_answer(stock), min_size=1, max_size=3)))
    return Shot(COMMAND, nested(leaf, given) | {"resolved": resolved}, answers)


@st.composite
def suggestions(draw: DrawFn, leaf: Leaf, option: dict[str, Any], stock: Stock, town: Town) -> Shot:
    """Typing into the option, with the others filled in, or not."""
    given, resolved = [], {}
    for other in leaf.options:
        if other["name"] != option["name"] and other["type"] != ATTACHMENT and draw(st.booleans()):
            value = option_value(draw, other, stock, town, resolved, odd=False)
            given.append({"name": other["name"], "type": other["type"], "value": value})
    typed = draw(st.one_of(st.sampled_from(stock.words), values.texts))
    given.append({"name": option["name"], "type": option["type"], "value": typed, "focused": True})
    return Shot(AUTOCOMPLETE, nested(leaf, given) | {"resolved": resolved})


def nested(leaf: Leaf, given: list[dict[str, Any]]) -> dict[str, Any]:
    for depth, step in reversed(list(enumerate(leaf.path[1:], start=1))):
        given = [{"name": step, "type": 1 if depth == len(leaf.path) - 1 else 2, "options": given}]
    return {"id": "1", "name": leaf.path[0], "type": 1, "options": given}


@st.composite
def menus(draw: DrawFn, name: str, kind: int, stock: Stock, town: Town) -> Shot:
    """A context menu on a message with hostile words and files, or on a person."""
    if kind == BUTTON:
        id_, part = draw(st.sampled_from(stock.resolved[USER]))
        return Shot(COMMAND, {"id": "1", "name": name, "type": kind, "target_id": str(id_), "resolved": part})
    message = bot_message(town.world.env.backend, town.here.channel.id)
    files = [draw(_attached(town)) for _ in range(draw(st.integers(0, 2)))]
    message |= {
        "content": draw(values.texts),
        "attachments": [part["attachments"][id_] for id_, part in files],
        "components": [],
    }
    resolved = {"messages": {message["id"]: message}}
    answers = tuple(draw(st.lists(_answer(stock), min_size=1, max_size=3)))
    data = {"id": "1", "name": name, "type": kind, "target_id": message["id"], "resolved": resolved}
    return Shot(COMMAND, data, answers)


def _answer(stock: Stock) -> SearchStrategy[Any]:
    """What is typed or chosen in a form."""
    return st.one_of(st.sampled_from(stock.words), st.sampled_from(stock.ids).map(str), values.texts)


@st.composite
def presses(draw: DrawFn, feature: Feature, stock: Stock) -> Shot:
    """A button of this feature under a message of the bot's, with a right, foreign or made-up custom id."""
    own = [custom_id for custom_id in stock.custom_ids if custom_id.startswith(f"{feature.name}:")]
    verbs = (
        [st.sampled_from(sorted({custom_id.split(":")[2].partition("#")[0] for custom_id in own}))]
        if own
        else []
    )
    if feature.words:
        verbs.append(st.sampled_from(feature.words))
    verbs += [
        st.from_regex(pattern, fullmatch=True).filter(_fits)
        for pattern in feature.patterns
        if _is_verb(pattern)
    ]
    verb = draw(st.one_of(*verbs, st.from_regex(r"[a-z0-9_]{1,40}", fullmatch=True).filter(_fits)))
    ids = st.one_of(
        st.sampled_from(stock.ids).map(str),
        st.sampled_from([str(number) for number in BEYOND]),
        st.sampled_from(["", "٣", "１", "x", "00000000000000000001", "9" * 20, "9" * 21, "1.0", " 1"]),
    )
    made_up = f"{feature.name}:{draw(ids)}:{verb}"
    if draw(st.integers(0, 4)) == 0:
        made_up += f"#{draw(ids)}"
    broken = draw(
        st.one_of(
            st.just(made_up),
            st.just(made_up),
            st.sampled_from(own or [made_up]),
            st.sampled_from(own or [made_up]),
            st.sampled_from(
                [made_up[:100].ljust(100, "x"), made_up + ":x", made_up.upper(), "", "\n", made_up + "\n"]
            ),
            st.sampled_from(HALVES),
        )
    )
    kind = draw(st.sampled_from([BUTTON, BUTTON, BUTTON, 3]))
    data: dict[str, Any] = {"custom_id": broken, "component_type": kind, "id": 2}
    if kind != BUTTON:
        data["values"] = [draw(values.texts)]
    answers = tuple(draw(st.lists(_answer(stock), min_size=1, max_size=4)))
    return Shot(COMPONENT, data, answers, component=(broken, kind))


def _fits(verb: str) -> bool:
    return re.fullmatch(TEMPLATE, f"xx:1:{verb}") is not None


def _is_verb(pattern: re.Pattern[str]) -> bool:
    """Whether what the pattern reads can stand as a verb at all."""
    return any(
        pattern.fullmatch(f"{word}{number}")
        for word in _starts(pattern)
        for number in ("", "_1", "1", "_1_1")
    )


def _starts(pattern: re.Pattern[str]) -> Sequence[str]:
    return re.findall(r"[a-z]{2,}", pattern.pattern) or ["a"]
