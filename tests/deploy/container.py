"""A process as a container would run it: the image's or a compose service's command, variables and rights.

A kernel's namespaces stand in for Docker where this machine allows them: another user, no capabilities. The
tree is read-only but for its volumes. Addresses that a container has for itself (its loopback, its network's
names) are this machine's here, so ports are free ones.
"""

import asyncio
import functools
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.dockerfile import Builder, Image
from tests.deploy.locked import ROOT

USER = "10001"
PROCESSES = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


@functools.cache
def stripped() -> tuple[str, ...]:
    """What goes before a command so that it runs as user 10001, or at least without root's rights."""
    tried = (
        ("unshare", "--user", f"--map-user={USER}", f"--map-group={USER}"),
        ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"),
    )
    if os.geteuid() != 0:
        return ()
    for prefix in tried:
        try:
            done = subprocess.run([*prefix, "true"], capture_output=True, check=False)
        except FileNotFoundError:
            continue
        if done.returncode == 0:
            return prefix
    raise RuntimeError(
        "as root, the tests need unshare or setpriv (util-linux) to run a process without rights"
    )


def shut(tree: Path, *, but: Sequence[str]) -> None:
    """Take the right to write from every folder and file that is the tree's alone, except below `but`."""
    open_below = [tree / folder.lstrip("/") for folder in but]
    for folder, _, _ in os.walk(tree):
        if not any(Path(folder).is_relative_to(other) for other in open_below):
            Path(folder).chmod(0o555)


def unlock(tree: Path) -> None:
    """Give it back, so that the tree can be removed."""
    for folder, _, _ in os.walk(tree):
        Path(folder).chmod(0o755)


def compose(*names: str, variables: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The services of these files of deploy/, later ones on top; `extends` and ${…} resolved.

    ValueError for a variable that is required and not there, with the file's own words.
    """
    services: dict[str, dict[str, Any]] = {}
    for name in names:
        read = yaml.safe_load((ROOT / "deploy" / name).read_text("utf-8"))["services"]
        for service, changed in read.items():
            below = services.get(service, {})
            if "extends" in changed:
                other = changed["extends"]
                below = compose(other["file"], variables=variables)[other["service"]]
            services[service] = _over(below, {key: part for key, part in changed.items() if key != "extends"})
    return {service: _filled(parts, variables) for service, parts in services.items()}


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        merged[key] = _over(below[key], value) if both else value
    return merged


def _filled(part: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(part, dict):
        return {key: _filled(value, variables) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, variables) for value in part]
    return _substituted(part, variables) if isinstance(part, str) else part


def _substituted(text: str, variables: Mapping[str, str]) -> str:
    done, rest = "", text
    while "$" in rest:
        before, _, rest = rest.partition("$")
        done += before
        if rest.startswith("$"):
            done, rest = f"{done}$", rest[1:]
            continue
        inner, _, rest = rest.removeprefix("{").partition("}")
        name, mark, otherwise = (*inner.partition(":?"),) if ":?" in inner else (*inner.partition(":-"),)
        if not variables.get(name) and mark == ":?":
            raise ValueError(otherwise)
        done += variables.get(name) or otherwise
    return done + rest


def in_order(services: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The services, each after those that it waits for; ValueError when they wait for each other."""
    order: list[str] = []
    while len(order) < len(services):
        free = [
            name
            for name, service in services.items()
            if name not in order and set(service.get("depends_on", ())) <= set(order)
        ]
        if not free:
            raise ValueError(f"{set(services) - set(order)} wait for each other")
        order += free
    return order


class Container:
    """One process in an image that lies where `builder` put it."""

    def __init__(
        self,
        builder: Builder,
        image: Image,
        log: Path,
        *,
        command: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        instead: Mapping[str, str] | None = None,
        apart: bool = False,
    ) -> None:
        """`instead` replaces parts of the variables' and commands' texts, such as a container's port. `apart`
        gives it processes of its own, as root alone can: they all end with the first one.
        """
        self._instead = instead or {}
        self._prefix = (*(PROCESSES if apart else ()), *stripped())
        self._builder = builder
        self._image = image
        self._log = log
        self.command = [self._here(part) for part in command or image.command]
        self.env = builder.environment(image)
        self.env |= {name: self._here(value) for name, value in (env or {}).items()}
        self.env = {name: self._replaced(value) for name, value in self.env.items()}
        self._process: asyncio.subprocess.Process | None = None

    def _replaced(self, text: str) -> str:
        for old, new in self._instead.items():
            text = text.replace(old, new)
        return text

    def _here(self, text: str) -> str:
        return self._builder.inside(self._replaced(text))

    def log(self) -> str:
        return self._log.read_text("utf-8", errors="replace")[-6000:] if self._log.exists() else ""

    @property
    def status(self) -> int | None:
        return self._process.returncode if self._process else None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._prefix, *self.command, cwd=self._builder.here / self._image.workdir.lstrip("/"),
                env=self.env, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    async def ended(self, seconds: float = 90) -> int:
        """Its status, when it ended by itself."""
        assert self._process is not None, "not started"
        return await asyncio.wait_for(self._process.wait(), seconds)

    async def run(self, seconds: float = 90) -> str:
        """From start to end; what it printed. AssertionError when it ended badly."""
        await self.start()
        assert await self.ended(seconds) == 0, self.log()
        return self.log()

    async def stop(self, seconds: float = 30) -> int:
        """The image's signal to the first process alone, as an engine sends it; its status."""
        assert self._process is not None, "not started"
        self._process.send_signal(signal.Signals[self._image.stopsignal])
        return await self.ended(seconds)

    async def kill(self) -> None:
        """End whatever is left of it, children too."""
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            await self._process.wait()
