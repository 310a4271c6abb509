"""Known holes in what the lock pins: `python -m tests.deploy.audit [--service osv] [--advisories FOLDER]`.

Asks PyPI (or OSV) through pip-audit, or reads a checkout of PyPA's advisory-database, for machines without
the network. Ends with 1 when a pinned version has a known hole; a database that cannot be had is no failure
of the lock, and is said in one line.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from packaging.version import InvalidVersion, Version

from tests.deploy.locked import LOCK, Locked, read


@dataclass
class Audit:
    """What was asked, and what came back."""

    source: str
    checked: int = 0
    unknown: list[str] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        yield from self.holes
        asked = self.checked + len(self.unknown)
        if self.checked == 0:
            yield f"Nothing was audited: {self.source} knows none of the {asked} pinned versions."
            return
        yield f"{self.source}: {len(self.holes)} known holes in {self.checked} of {asked} pinned versions."
        if self.unknown:
            yield f"Not known there, so not audited: {', '.join(self.unknown)}"


def from_pip_audit(answer: dict[str, Any], source: str) -> Audit:
    """What pip-audit's JSON says. It calls a version that its database does not have free of known holes."""
    audit = Audit(source)
    for package in answer["dependencies"]:
        if "skip_reason" in package:
            audit.unknown.append(package["name"])
            continue
        audit.checked += 1
        for hole in package["vulns"]:
            mended = ", ".join(hole["fix_versions"]) or "not mended yet"
            audit.holes.append(f"{package['name']} {package['version']}: {hole['id']} ({mended})")
    return audit


def from_advisories(folder: Path, lock: list[Locked]) -> Audit:
    """What a checkout of PyPA's advisory-database says. FileNotFoundError when it is none."""
    if not (folder / "vulns").is_dir():
        raise FileNotFoundError(f"{folder} has no folder vulns: it is no checkout of advisory-database")
    audit = Audit("no advisories")
    newest = ""
    for package in lock:
        audit.checked += 1
        for file in sorted((folder / "vulns" / package.name).glob("*.yaml")):
            advisory = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)
            if "withdrawn" not in advisory and any(_affects(part, package) for part in advisory["affected"]):
                audit.holes.append(f"{package.name} {package.version}: {advisory['id']}")
    for file in (folder / "vulns").glob("*/*.yaml"):
        with file.open(encoding="utf-8") as text:
            newest = max([newest, *(line[10:29] for line in text if line.startswith("modified: "))])
    audit.source = f"advisories up to {newest.strip(chr(34))[:10]}"
    return audit


def _affects(part: dict[str, Any], package: Locked) -> bool:
    if part["package"]["name"].lower().replace("_", "-").replace(".", "-") != package.name:
        return False
    if package.version in part.get("versions", ()):
        return True
    version = Version(package.version)
    return any(
        _within(scope["events"], version) for scope in part.get("ranges", ()) if scope["type"] == "ECOSYSTEM"
    )


def _within(events: list[dict[str, str]], version: Version) -> bool:
    """OSV's rule: the events in the order of their versions switch it on and off."""
    affected = False
    for event in events:
        try:
            if "introduced" in event and (
                event["introduced"] == "0" or version >= Version(event["introduced"])
            ):
                affected = True
            elif ("fixed" in event and version >= Version(event["fixed"])) or (
                "last_affected" in event and version > Version(event["last_affected"])
            ):
                affected = False
        except InvalidVersion:
            return True  # A person has to look.
    return affected


def ask(service: str) -> Audit:
    """pip-audit's answer over the network; RuntimeError with its reason when it has none."""
    command = [
        sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--require-hashes", "--disable-pip",
        "--vulnerability-service", service, "--format", "json", "--progress-spinner", "off",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return from_pip_audit(json.loads(done.stdout), service)
    except json.JSONDecodeError:
        told = done.stderr.strip().splitlines()
        raise RuntimeError(told[-1] if told else f"pip-audit ended with {done.returncode}") from None


def main() -> None:
    """Print what is known; 1 for a known hole, 0 for none and for a database out of reach."""
    parser = argparse.ArgumentParser(description="Known holes in what requirements.lock pins.")
    parser.add_argument("--service", choices=("pypi", "osv"), default="pypi")
    parser.add_argument("--advisories", type=Path, help="a checkout of PyPA's advisory-database")
    chosen = parser.parse_args()
    try:
        audit = from_advisories(chosen.advisories, read()) if chosen.advisories else ask(chosen.service)
    except RuntimeError as reason:
        sys.stdout.write(f"Nothing was audited: {chosen.service} could not be asked. {str(reason)[:200]}\n")
        return
    sys.stdout.write("\n".join(audit.lines()) + "\n")
    if audit.holes:
        sys.exit(1)


if __name__ == "__main__":
    main()
