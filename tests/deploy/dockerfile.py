"""deploy/Dockerfile, executed without Docker: each stage in a folder, each step with this machine's tools.

What a folder cannot stand in for is said and left out: steps that change the system (Debian's packages, the
user), and the base image, whose Python is here the one that runs this. Everything else is the file's own:
what is copied, installed and set, in its order.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tests.deploy.locked import ROOT

FILE = ROOT / "deploy" / "Dockerfile"
# A step that begins so needs a system of its own.
OF_THE_SYSTEM = ("apt-get ",)
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
# Folders that the image has for itself; anywhere else in a path they are this machine's.
OWN_FOLDERS = re.compile(r"(?<![\w.-])/(opt|data)(?=[/\s:'\"]|$)")


class StepFailed(Exception):
    """A step of the file ended badly; the text has the step and what it printed."""


@dataclass
class Image:
    """What a stage comes to: a tree of files, and how to run something in it."""

    tree: Path
    env: dict[str, str] = field(default_factory=lambda: {"PATH": SYSTEM_PATH})
    workdir: str = "/"
    user: str = "root"
    volumes: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)
    stopsignal: str = "SIGTERM"
    left_out: list[str] = field(default_factory=list)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction with its argument; comments gone, continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), " ".join(rest.split()) if word.upper() != "RUN" else rest.strip()


def stages(text: str) -> dict[str, list[tuple[str, str]]]:
    """The instructions of each named stage, its FROM first."""
    found: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for word, rest in instructions(text):
        if word == "FROM":
            _, keyword, name = rest.split()
            if keyword.upper() != "AS":
                raise ValueError(f"a stage without a name: FROM {rest}")
            current = found[name] = []
        current.append((word, rest))
    return found


class Builder:
    """Builds stages below one folder. A stage under way always lies in the same place, as it does in an
    image: an environment of Python's knows its own path.
    """

    def __init__(
        self,
        folder: Path,
        *,
        context: Path = ROOT,
        instead: dict[str, str] | None = None,
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        """`instead` replaces variables that the file sets, "" removes them: say, to use a cache."""
        self.folder = folder
        self.context = context
        self.here = folder / "image"
        self._instead = instead or {}
        self._say = say
        self._stages = stages(FILE.read_text("utf-8"))
        self._built: dict[str, Image] = {}

    def build(self, target: str) -> Image:
        """The image of a stage, which then lies in `here`. Raises StepFailed."""
        return self._place(self._stage(target))

    def inside(self, text: str) -> str:
        """The same text with the image's own folders where they lie now."""
        return OWN_FOLDERS.sub(lambda found: f"{self.here}/{found[1]}", text)

    def environment(self, image: Image) -> dict[str, str]:
        """The variables of a process in the image: nothing of ours but the way to the packages."""
        passed = {"SSL_CERT_FILE", "PIP_CERT", "HTTPS_PROXY", "https_proxy", "UV_CACHE_DIR", "HOME"}
        outer = {name: value for name, value in os.environ.items() if name in passed}
        env = outer | {name: self.inside(value) for name, value in image.env.items()}
        return env | {"PATH": env["PATH"].replace("/usr/local/bin", f"{self.here}/usr/local/bin")}

    def _stage(self, name: str) -> Image:
        if name in self._built:
            return self._built[name]
        (_, source), *rest = self._stages[name]
        origin = source.split()[0]
        # What the stage copies from is finished before it begins: there is one place for all of them.
        for word, argument in rest:
            if word == "COPY" and (other := re.match(r"--from=(\S+)", argument)):
                self._stage(other[1])
        if origin in self._stages:
            base = self._stage(origin)
            image = Image(**(vars(base) | {"env": dict(base.env), "left_out": list(base.left_out)}))
            self._place(base)
        else:
            image = Image(self.here)
            self._fresh()
            python = self.here / "usr" / "local" / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.symlink_to(Path(sys.base_prefix) / "bin" / "python3")
        for word, argument in rest:
            self._say(f"{name}: {word} {argument}")
            getattr(self, f"_{word.lower()}", self._unknown(word))(image, argument)
        image.tree = self.folder / "stages" / name
        image.tree.parent.mkdir(exist_ok=True)
        self.here.rename(image.tree)
        self._built[name] = image
        return image

    def _fresh(self) -> None:
        if self.here.exists():
            shutil.rmtree(self.here)

    def _place(self, image: Image) -> Image:
        self._fresh()
        # Links cost nothing; no step writes into a file that it did not make.
        shutil.copytree(image.tree, self.here, symlinks=True, copy_function=os.link)
        return image

    def _unknown(self, word: str) -> Callable[[Image, str], None]:
        def refuse(_: Image, argument: str) -> None:
            raise StepFailed(f"not understood: {word} {argument}")

        return refuse

    def _path(self, image: Image, path: str) -> Path:
        whole = PurePosixPath(image.workdir) / path
        return self.here / whole.relative_to("/")

    def _workdir(self, image: Image, argument: str) -> None:
        image.workdir = str(PurePosixPath(image.workdir) / argument)
        self._path(image, ".").mkdir(parents=True, exist_ok=True)

    def _env(self, image: Image, argument: str) -> None:
        for setting in shlex.split(argument):
            name, _, value = setting.partition("=")
            value = re.sub(r"\$(\w+)", lambda found: image.env.get(found[1], ""), value)
            value = self._instead.get(name, value)
            if value:
                image.env[name] = value

    def _copy(self, image: Image, argument: str) -> None:
        stage = re.match(r"--from=(\S+) ", argument)
        *sources, target = [part for part in argument.split() if not part.startswith("--")]
        for source in sources:
            origin = self._stage(stage[1]).tree / source.lstrip("/") if stage else self.context / source
            into = self._path(image, target)
            if target.endswith("/"):
                into /= origin.name
            into.parent.mkdir(parents=True, exist_ok=True)
            if origin.is_dir():
                skipped = None if stage else shutil.ignore_patterns("__pycache__")
                copy = os.link if stage else shutil.copy2
                shutil.copytree(
                    origin, into, symlinks=True, ignore=skipped, copy_function=copy, dirs_exist_ok=True
                )
            else:
                shutil.copy2(origin, into)

    def _run(self, image: Image, argument: str) -> None:
        if argument.startswith(OF_THE_SYSTEM):
            image.left_out.append(argument)
            return
        done = subprocess.run(
            ["/bin/sh", "-c", self.inside(argument)],
            cwd=self._path(image, "."), env=self.environment(image),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise StepFailed(f"RUN {argument}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")

    def _user(self, image: Image, argument: str) -> None:
        image.user = argument

    def _volume(self, image: Image, argument: str) -> None:
        image.volumes.append(argument)
        self._path(image, argument).mkdir(parents=True, exist_ok=True)

    def _cmd(self, image: Image, argument: str) -> None:
        image.command = json.loads(argument)

    def _stopsignal(self, image: Image, argument: str) -> None:
        image.stopsignal = argument

    def _healthcheck(self, image: Image, argument: str) -> None:
        image.healthcheck = json.loads(argument.partition(" CMD ")[2])
