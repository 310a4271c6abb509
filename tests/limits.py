"""Discord's limits that its OpenAPI document does not state, as checks on the bodies a bot sends.

Every function takes a decoded body and yields one readable sentence per broken limit. Lengths are counted
in code points. Sources: Discord's developer documentation (message, component, application command,
scheduled event and channel resources).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

COMPONENTS_V2 = 1 << 15
ACTION_ROW, BUTTON, STRING_SELECT, TEXT_INPUT, SECTION, TEXT_DISPLAY, CONTAINER = 1, 2, 3, 4, 9, 10, 17
SELECTS = frozenset({3, 5, 6, 7, 8})
LINK, PREMIUM = 5, 6
SUBCOMMAND, SUBCOMMAND_GROUP = 1, 2
#: Global commands per type: slash commands, user menu, message menu.
COMMANDS_PER_TYPE = {1: 100, 2: 15, 3: 15}
COMMAND_NAME = re.compile(r"[-_'\w]{1,32}")
Body = dict[str, Any]


def too_long(value: Any, limit: int, what: str, least: int = 0) -> Iterator[str]:
    """Yield a sentence when the text `value` is longer than `limit` or shorter than `least`."""
    if isinstance(value, str) and not least <= len(value) <= limit:
        yield f"{what} has {len(value)} characters, allowed are {least} to {limit}: {value[:60]!r}"


def walk(components: Any) -> Iterator[Body]:
    """Every component of a message or modal, depth first, nested ones and accessories included."""
    for component in components or ():
        if not isinstance(component, dict):
            continue
        yield component
        yield from walk(component.get("components"))
        yield from walk([component.get("accessory"), component.get("component")])


def message(body: Body, *, create: bool, files: Sequence[str] | None = None) -> Iterator[str]:
    """Limits of a message body.

    `create` says that the message does not exist yet, so it may not be empty. `files` are the names of the
    files sent beside it; None when they are not known.
    """
    embeds = [embed for embed in body.get("embeds") or () if isinstance(embed, dict)]
    components = body.get("components") or ()
    flags = body.get("flags") or 0
    yield from too_long(body.get("content"), 2000, "content")
    yield from _embeds(embeds)
    yield from _components(components, v2=bool(flags & COMPONENTS_V2), create=create)
    if flags & COMPONENTS_V2 and (body.get("content") or embeds or body.get("poll")):
        yield "a Components V2 message may carry neither content, embeds nor a poll"
    yield from too_long(body.get("nonce"), 25, "nonce")
    yield from _mentions(body.get("allowed_mentions"))
    filled = ("content", "embeds", "components", "sticker_ids", "poll", "attachments", "message_reference")
    if create and not files and not any(body.get(key) for key in filled):
        yield "a message without content, embeds, components, stickers, poll and files is empty (50006)"
    if files is not None:
        if len(files) > 10:
            yield f"{len(files)} files, allowed are 10"
        if create:
            yield from _attachment_urls(body, set(files))


def _embeds(embeds: Sequence[Body]) -> Iterator[str]:
    if len(embeds) > 10:
        yield f"{len(embeds)} embeds, allowed are 10"
    total = 0
    for number, embed in enumerate(embeds):
        fields = embed.get("fields") or ()
        texts = [
            ("title", embed.get("title"), 256),
            ("description", embed.get("description"), 4096),
            ("footer", (embed.get("footer") or {}).get("text"), 2048),
            ("author", (embed.get("author") or {}).get("name"), 256),
            *(("field name", field.get("name"), 256) for field in fields),
            *(("field value", field.get("value"), 1024) for field in fields),
        ]
        if len(fields) > 25:
            yield f"embed {number} has {len(fields)} fields, allowed are 25"
        for what, text, limit in texts:
            yield from too_long(text, limit, f"embed {number}: {what}", least=1 if "field" in what else 0)
            total += len(text or "")
    if total > 6000:
        yield f"the embeds have {total} characters in all, allowed are 6000"


def _components(components: Any, *, v2: bool, create: bool) -> Iterator[str]:
    every = list(walk(components))
    if v2 and len(every) > 40:
        yield f"{len(every)} components in a Components V2 message, allowed are 40"
    if v2:
        text = sum(len(c.get("content") or "") for c in every if c.get("type") == TEXT_DISPLAY)
        if text > 4000:
            yield f"the text displays have {text} characters in all, allowed are 4000"
    elif create or all(c.get("type") == ACTION_ROW for c in components):
        # An edit of a V2 message need not repeat the flag, so only its classic form can be judged.
        if len(components) > 5:
            yield f"{len(components)} action rows, allowed are 5"
        if any(c.get("type") != ACTION_ROW for c in components):
            yield "without the Components V2 flag the top level holds action rows only"
    for component in every:
        yield from _component(component)
    yield from _repeated((c.get("custom_id") for c in every), "custom_id")


def _component(component: Body) -> Iterator[str]:
    kind, custom_id = component.get("type"), component.get("custom_id")
    yield from too_long(custom_id, 100, "custom_id", least=1)
    if kind == ACTION_ROW:
        inner = [c.get("type") for c in component.get("components") or ()]
        if SELECTS.intersection(inner) and len(inner) > 1:
            yield "an action row holds either one select or up to five buttons"
        if not 1 <= len(inner) <= 5:
            yield f"an action row holds {len(inner)} components, allowed are 1 to 5"
    elif kind == BUTTON:
        yield from too_long(component.get("label"), 80, "button label")
        style = component.get("style")
        if style == LINK and (custom_id is not None or not component.get("url")):
            yield f"a link button has a url and no custom_id: {component}"
        if style not in (LINK, PREMIUM) and not custom_id:
            yield f"a button needs a custom_id: {component}"
        if style != PREMIUM and not component.get("label") and not component.get("emoji"):
            yield f"a button needs a label or an emoji: {component}"
    elif kind in SELECTS:
        yield from _select(component)


def _select(component: Body) -> Iterator[str]:
    yield from too_long(component.get("placeholder"), 150, "select placeholder")
    options = component.get("options") or ()
    least, most = component.get("min_values"), component.get("max_values")
    if (1 if least is None else least) > (1 if most is None else most):
        yield f"a select wants at least {least} and at most {most} values"
    if component.get("type") != STRING_SELECT:
        return
    if not 1 <= len(options) <= 25:
        yield f"a select has {len(options)} options, allowed are 1 to 25"
    for option in options:
        yield from too_long(option.get("label"), 100, "select option label", least=1)
        yield from too_long(option.get("value"), 100, "select option value", least=1)
        yield from too_long(option.get("description"), 100, "select option description")
    yield from _repeated((option.get("value") for option in options), "select option value")


def _repeated(values: Iterator[Any], what: str) -> Iterator[str]:
    for value, times in Counter(v for v in values if v is not None).items():
        if times > 1:
            yield f"{what} {value!r} stands {times} times, it must be unique"


def _mentions(allowed: Any) -> Iterator[str]:
    for kind in ("users", "roles"):
        if isinstance(allowed, dict) and kind in (allowed.get("parse") or ()) and allowed.get(kind):
            yield f"allowed_mentions names {kind} both in parse and by id"


def _attachment_urls(body: Any, files: set[str]) -> Iterator[str]:
    if isinstance(body, dict):
        url = body.get("url")
        if isinstance(url, str) and url.startswith("attachment://") and url[13:] not in files:
            yield f"{url} names no file that is sent along: {sorted(files)}"
    for value in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
        yield from _attachment_urls(value, files)


def modal(body: Body) -> Iterator[str]:
    """Limits of a modal: title, one to five rows or labels, unique ids, text inputs."""
    yield from too_long(body.get("title"), 45, "modal title", least=1)
    yield from too_long(body.get("custom_id"), 100, "modal custom_id", least=1)
    components = body.get("components") or ()
    if not 1 <= len(components) <= 5:
        yield f"a modal holds {len(components)} components, allowed are 1 to 5"
    every = list(walk(components))
    yield from _repeated((c.get("custom_id") for c in every), "custom_id")
    for component in every:
        yield from too_long(component.get("custom_id"), 100, "custom_id", least=1)
        yield from too_long(component.get("label"), 45, "modal label")
        if component.get("type") in SELECTS:
            yield from _select(component)
        if component.get("type") == TEXT_INPUT:
            yield from too_long(component.get("placeholder"), 100, "text input placeholder")
            yield from too_long(
                component.get("value"), min(4000, component.get("max_length") or 4000), "text input value"
            )


def autocomplete(body: Body) -> Iterator[str]:
    """At most 25 suggestions, each with a name of 1 to 100 and a text value of at most 100 characters."""
    choices = body.get("choices") or ()
    if len(choices) > 25:
        yield f"{len(choices)} suggestions, allowed are 25"
    for choice in choices:
        yield from too_long(choice.get("name"), 100, "suggestion name", least=1)
        yield from too_long(choice.get("value"), 100, "suggestion value", least=1)


def commands(bodies: Sequence[Body]) -> Iterator[str]:
    """Limits of a whole command list as a bulk overwrite sends it."""
    for kind, limit in COMMANDS_PER_TYPE.items():
        names = [body.get("name") for body in bodies if body.get("type", 1) == kind]
        if len(names) > limit:
            yield f"{len(names)} commands of type {kind}, allowed are {limit}"
        yield from _repeated(iter(names), "command name")
    for body in bodies:
        yield from command(body)


def command(body: Body) -> Iterator[str]:
    """Limits of one command: names, descriptions, options, choices, 8000 characters in all."""
    kind, name = body.get("type", 1), body.get("name", "")
    if kind == 1:
        yield from _named(body, f"/{name}")
        yield from _options(body, f"/{name}", depth=0)
        if (size := _size(body)) > 8000:
            yield f"/{name} has {size} characters of names, descriptions and values, allowed are 8000"
    else:
        yield from too_long(name, 32, f"menu command {name!r}: name", least=1)
        if body.get("description") or body.get("options"):
            yield f"menu command {name!r} has neither description nor options"


def _named(node: Body, where: str) -> Iterator[str]:
    name = node.get("name")
    if name is not None and (not COMMAND_NAME.fullmatch(name) or name != name.lower()):
        yield f"{where}: {name!r} is not a name of 1 to 32 lower-case letters, digits, - or _"
    if "description" in node or "name" in node:
        yield from too_long(node.get("description") or "", 100, f"{where}: description", least=1)


def _options(node: Body, where: str, depth: int) -> Iterator[str]:
    options = node.get("options") or ()
    if len(options) > 25:
        yield f"{where} has {len(options)} options, allowed are 25"
    yield from _repeated((option.get("name") for option in options), f"{where}: option name")
    for before, after in pairwise(options):
        if after.get("required") and not before.get("required"):
            yield f"{where}: required option {after.get('name')!r} follows an optional one"
    for option in options:
        place = f"{where} {option.get('name')}"
        yield from _named(option, place)
        choices = option.get("choices") or ()
        if len(choices) > 25:
            yield f"{place} has {len(choices)} choices, allowed are 25"
        if choices and option.get("autocomplete"):
            yield f"{place} has both choices and autocomplete"
        for choice in choices:
            yield from too_long(choice.get("name"), 100, f"{place}: choice name", least=1)
            yield from too_long(choice.get("value"), 100, f"{place}: choice value", least=1)
        yield from _repeated((choice.get("name") for choice in choices), f"{place}: choice name")
        if option.get("type") in (SUBCOMMAND, SUBCOMMAND_GROUP):
            if depth + (option["type"] == SUBCOMMAND_GROUP) > 1:
                yield f"{place} is nested too deeply"
            yield from _options(option, place, depth + 1)


def _size(node: Body) -> int:
    own = len(node.get("name") or "") + len(node.get("description") or "")
    values = sum(len(c.get("name") or "") + len(str(c.get("value", ""))) for c in node.get("choices") or ())
    return own + values + sum(_size(option) for option in node.get("options") or ())


def scheduled_event(body: Body, *, create: bool) -> Iterator[str]:
    """Limits of a scheduled event; one outside Discord (entity type 3) needs an end and a location."""
    yield from too_long(body.get("name"), 100, "event name", least=1)
    yield from too_long(body.get("description"), 1000, "event description")
    location = (body.get("entity_metadata") or {}).get("location")
    yield from too_long(location, 100, "event location", least=1)
    if create and body.get("entity_type") == 3:
        if not body.get("scheduled_end_time"):
            yield "an external event needs scheduled_end_time"
        if not location:
            yield "an external event needs entity_metadata.location"
    if create and body.get("entity_type") in (1, 2) and not body.get("channel_id"):
        yield "a stage or voice event needs channel_id"


def thread(body: Body) -> Iterator[str]:
    """Limits of a new thread's name and archive duration (minutes)."""
    yield from too_long(body.get("name"), 100, "thread name", least=1)
    if body.get("auto_archive_duration") not in (None, 60, 1440, 4320, 10080):
        yield f"auto_archive_duration {body['auto_archive_duration']} is not 60, 1440, 4320 or 10080"
