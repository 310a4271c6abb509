"""Finds words for members that no catalogue knows: strings in the rooms that speak which nothing marks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.locales.source import KEYWORDS, ROOMS, ROOT

#: The rooms that word what members see.
SPEAKING = ("bot/ui", "bot/rendering", "cogs")
#: On the line of a string that is the same in every language.
SAME = "# the same in every language"
MENU = frozenset({"describe", "command", "context_menu", "choices", "Choice", "Group"})
LOGS = frozenset({"debug", "info", "warning", "error", "exception"})
# What names something for machines, whatever it reads like.
FOR_MACHINES = frozenset({"custom_id", "filename", "key", "group_name", "fmt", "pattern", "encoding"})
TWO_WORDS = re.compile(r"[A-Za-z]{2,}[.,:;!?’”)]*\s+[“(]*[A-Za-z]{2,}|^[A-Z][a-z]{2,}[.:!?…]?$")
WORD_BESIDE_A_GAP = re.compile(r"(?<!\S)[A-Za-z’]{2,}|[A-Za-z’]{2,}(?=[\s.,:;!?)]|$)")
MARKUP = re.compile(r"<[^<>]*>|`[^`]*`|https?://\S+|\\\S+")


def unmarked() -> list[str]:
    """Each as `file:line: text`."""
    found = []
    for room in SPEAKING:
        for path in sorted((ROOT / room).rglob("*.py")):
            lines = path.read_text("utf-8").splitlines()
            for line, text in _in_file(path):
                if SAME not in lines[line - 1]:
                    found.append(f"{path.relative_to(ROOT)}:{line}: {text}")
    return found


def called() -> Iterator[tuple[str, str]]:
    """Every literal that the code hands to `_` and its like, with the place: Babel overlooks some, such as
    those inside f-strings.
    """
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func) in KEYWORDS and node.args:
                    message = node.args[1 if _name(node.func) == "pgettext" else 0]
                    if isinstance(message, ast.Constant) and message.value:
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", str(message.value)


def _in_file(path: Path) -> Iterator[tuple[int, str]]:
    yield from _words(ast.parse(path.read_text("utf-8")))


def _words(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
        if WORD_BESIDE_A_GAP.search(MARKUP.sub("", text).replace("\0", " ")) and not _is_code(text):
            yield node.lineno, text.replace("\0", "{}")
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from _words(part.value)
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and TWO_WORDS.search(MARKUP.sub("", node.value)):
            yield node.lineno, node.value
        return
    for child in _children(node):
        yield from _words(child)


def _is_code(text: str) -> bool:
    """An id, an address, a mention or a path: it has no gap, or is nothing but code."""
    return not re.search(r"\s", text) and re.search(r"[:/#_.=]", text) is not None


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """What may hold words: no docstrings, annotations, decorators, log lines, programming errors."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return
        case ast.Call(func=func) if _name(func) in KEYWORDS or _name(func) in LOGS | MENU:
            # What is filled in may hold words of its own.
            if _name(func) in KEYWORDS:
                yield from (keyword.value for keyword in node.keywords)
            return
        case ast.Raise(exc=ast.Call(func=func)) if _name(func).endswith(("Error", "Pointless", "TryLater")):
            return
        case ast.Call():
            yield from node.args
            yield from (each.value for each in node.keywords if each.arg not in FOR_MACHINES)
            yield node.func
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from node.args.defaults
            yield from (default for default in node.args.kw_defaults if default is not None)
            yield from node.body
        case ast.ClassDef():
            yield from node.body
        case ast.AnnAssign(value=value):
            if value is not None:
                yield value
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return
        case ast.Compare() | ast.Import() | ast.ImportFrom():
            return
        case ast.Subscript(value=value):
            yield value
        case ast.Dict(values=values):
            yield from values
        case ast.Assert():
            return
        case _:
            yield from ast.iter_child_nodes(node)


def _name(func: ast.expr) -> str:
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""
