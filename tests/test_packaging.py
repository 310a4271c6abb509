"""What gets installed: the lock holds everything that pyproject.toml asks for, and says so nowhere twice."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def lock() -> str:
    return (ROOT / "requirements.lock").read_text("utf-8")


@pytest.fixture(scope="module")
def locked(lock: str) -> dict[str, list[str]]:
    """Every version of each distribution in the lock; markers choose where there are several."""
    versions: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE):
        versions.setdefault(name, []).append(version)
    return versions


def test_the_lock_satisfies_every_requirement(project: dict[str, Any], locked: dict[str, list[str]]) -> None:
    asked = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra in project["project"]["optional-dependencies"].values():
        asked.extend(extra)
    stale = []
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        if name == project["project"]["name"]:
            continue
        versions = locked.get(name, [])
        if not versions or not all(requirement.specifier.contains(version) for version in versions):
            stale.append(f"{requirement}: locked {versions or 'not at all'}")
    assert stale == [], "pyproject.toml changed: make lock"


def test_everything_in_the_lock_has_hashes_and_no_address(lock: str) -> None:
    blocks = re.split(r"^(?=\S)", re.sub(r"^\s*#.*\n", "", lock, flags=re.MULTILINE), flags=re.MULTILINE)
    unhashed = [block.split()[0] for block in blocks if block.strip() and "--hash=sha256:" not in block]
    assert len(blocks) > 100
    assert unhashed == []
    assert not re.search(r"://|--(find-links|index|extra-index)|file:| @ ", lock)


def test_the_plain_bot_stays_small(project: dict[str, Any]) -> None:
    plain = {Requirement(text).name for text in project["project"]["dependencies"]}
    assert not plain & {"torch", "torchvision", "fastai", "onnxruntime", "ray", "simcord", "asyncpg", "numpy"}


@pytest.mark.parametrize("page", ["README.md", ".github/workflows/ci.yml"])
def test_plain_commands_name_the_locked_uv(page: str, locked: dict[str, list[str]]) -> None:
    named = re.findall(r"\buv==([\d.]+)", (ROOT / page).read_text("utf-8"))
    assert named, f"{page} does not say how to install without make"
    assert set(named) == set(locked["uv"])
