"""requirements.lock, read: what is pinned, by which hashes, who asked for it, and which extras bring it."""

import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
PROJECT = "cohort-bot"
# What the bot needs without any extra.
PLAIN = "plain"


@dataclass(frozen=True)
class Locked:
    """One pinned version; a package with several has markers that exclude each other."""

    name: str
    version: str
    marker: str
    sha256: tuple[str, ...]
    # The packages that ask for it; the project itself under its own name.
    askers: frozenset[str]

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def read(lock: Path = LOCK) -> list[Locked]:
    """Every pinned version, in the lock's order; ValueError when a line of it is not understood."""
    found = []
    for block in re.split(r"^(?=[a-z0-9])", lock.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        head = re.match(r"([a-z0-9-]+)==(\S+)(?: ; (.+?))? \\\n", block)
        if head is None:
            raise ValueError(f"not understood: {block.splitlines()[0]}")
        _, _, why = block.partition("# via")
        askers = re.findall(r"^[\s#]*([a-z0-9-]+)(?: \(pyproject\.toml\))?$", why, re.MULTILINE)
        hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
        found.append(Locked(head[1], head[2], head[3] or "", hashes, frozenset(askers)))
    return found


def extras(lock: list[Locked]) -> dict[str, set[str]]:
    """For each extra, and PLAIN, the names of all that it brings, by whatever number of steps.

    The lock does not say which extra of a package asked for another, so a name can stand at one too many,
    never at one too few.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked: dict[str, set[str]] = {PLAIN: _names(project["dependencies"])}
    optional = project["optional-dependencies"]
    for extra in optional:
        asked[extra] = _asked(optional, extra)
    needs: dict[str, set[str]] = defaultdict(set)
    for package in lock:
        for asker in package.askers:
            needs[asker].add(package.name)
    return {extra: _closure(names, needs) for extra, names in asked.items()}


def _asked(optional: dict[str, list[str]], extra: str) -> set[str]:
    names: set[str] = set()
    for requirement in map(Requirement, optional[extra]):
        if canonicalize_name(requirement.name) != PROJECT:
            names.add(canonicalize_name(requirement.name))
        for other in requirement.extras:
            if canonicalize_name(requirement.name) == PROJECT:
                names |= _asked(optional, other)
    return names


def _names(requirements: list[str]) -> set[str]:
    return {str(canonicalize_name(Requirement(text).name)) for text in requirements}


def _closure(names: set[str], needs: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= needs[name] - reached
    return reached
