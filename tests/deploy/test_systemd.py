"""The systemd units: what they name exists once the README was followed, and what they shut in works."""

import asyncio
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.deploy import seccomp
from tests.deploy.container import stripped
from tests.deploy.locked import ROOT
from tests.deploy.test_images import classified, seven
from tests.openapi import BodyValidator
from tests.postgres import find_binaries
from tests.wire.standin import StandIn
from tests.wire.test_health import free_port, until

DEPLOY = ROOT / "deploy"
SERVICE = DEPLOY / "systemd" / "cohort.service"
BACKUP = DEPLOY / "systemd" / "cohort-backup.service"
UNITS = (SERVICE, BACKUP)
MOST_EXPOSED = 1.5

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
needs_seccomp = pytest.mark.skipif(
    sys.platform != "linux"
    or platform.machine() != "x86_64"
    or shutil.which("systemd-analyze") is None
    or not any(header.exists() for header in seccomp.HEADERS),
    reason="filters system calls on x86-64 Linux, with systemd-analyze and the kernel's headers",
)


def option(unit: Path, name: str) -> str:
    """The one value of an option."""
    (value,) = re.findall(rf"^{name}=(.*)$", unit.read_text("utf-8"), re.MULTILINE)
    return str(value)


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_service_sees_little_of_the_machine(unit: Path, record_property: Any) -> None:
    """systemd's own judgement, from 0 (shut in) to 10."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    record_property("figure", f"systemd-analyze security {unit.name}: {found[1]}, at most {MOST_EXPOSED}")
    assert float(found[1]) <= MOST_EXPOSED


@needs_systemd
@pytest.mark.parametrize("unit", [*UNITS, BACKUP.with_suffix(".timer")], ids=lambda unit: unit.name)
def test_a_unit_is_right_in_every_line(unit: Path, tmp_path: Path) -> None:
    """With the code where the tests have it: the program in ExecStart is there and can be run."""
    for other in (*UNITS, BACKUP.with_suffix(".timer")):
        text = other.read_text("utf-8").replace("/opt/cohort/.venv/bin", str(Path(sys.executable).parent))
        (tmp_path / other.name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / unit.name],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    # What other services of this machine have wrong is said, too.
    problems = [line for line in done.stderr.splitlines() if "cohort" in line]
    assert problems == []


def test_the_readme_makes_every_path_that_the_units_name() -> None:
    section = (DEPLOY / "README.md").read_text("utf-8").partition("\n## systemd\n")[2].partition("\n## ")[0]
    commands = re.search(r"```\n(.*?)```", section, re.DOTALL)
    assert commands
    assert "git clone ADDRESS /opt/cohort\n" in re.sub(r" +#.*", "", commands[1])
    assert "\ncd /opt/cohort\nmake .venv/installed-bot-postgres,classify\n" in commands[1]
    assert " deploy/env.example /etc/cohort.env " in commands[1]
    assert "\ncp deploy/systemd/* /etc/systemd/system/\n" in commands[1]
    for unit in UNITS:
        assert option(unit, "ExecStart").startswith("/opt/cohort/.venv/bin/cohort ")
        assert option(unit, "EnvironmentFile") == "/etc/cohort.env"
        assert option(unit, "WorkingDirectory") == f"/var/lib/{option(unit, 'StateDirectory')}"
    assert option(SERVICE, "Documentation") == "file:///opt/cohort/README.md"
    assert (ROOT / "README.md").exists()
    for named in re.findall(r"enable --now ([\w.-]+)", section):
        assert list((DEPLOY / "systemd").glob(f"{named.removesuffix('.timer')}*")), named


@asynccontextmanager
async def started(
    unit: Path, state: Path, filled: dict[str, str], log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """ExecStart as systemd runs it: environment file, another user, state folder, the calls that it has."""
    env = {"PATH": f"/usr/local/bin:/usr/bin:/bin:{find_binaries()}"}
    for line in (DEPLOY / "env.example").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            env[name] = filled.pop(name, value)
    assert filled == {}, "env.example does not have these"
    program, *arguments = option(unit, "ExecStart").split()
    program = program.replace("/opt/cohort/.venv/bin", str(Path(sys.executable).parent))
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *stripped(), sys.executable, seccomp.__file__, str(unit), program, *arguments,
            cwd=state, env=env, umask=int(option(unit, "UMask"), 8), start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def state_folder(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    state.mkdir(mode=int(option(SERVICE, "StateDirectoryMode"), 8))
    return state


def assert_private(state: Path) -> None:
    for path in state.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, f"{path} is open to other users"


@needs_seccomp
async def test_the_service_works_with_what_its_unit_leaves_it(tmp_path: Path) -> None:
    state, log, port = state_folder(tmp_path), tmp_path / "log", free_port()
    async with StandIn(BodyValidator()) as discord:
        filled = {
            "DISCORD_TOKEN": discord.token,
            "COHORT_DISCORD_API_URL": discord.api_url_for("service"),
            "COHORT_DATABASE_URL": f"sqlite+aiosqlite:///{state}/cohort.db",
            "COHORT_HEALTH": f"127.0.0.1:{port}",
        }
        async with started(SERVICE, state, filled, log) as service:
            await discord.wait_until(
                lambda: discord.gateway.ready_shards and discord.guilds.command_syncs, 90, "READY"
            )
            assert await until(port, "/readyz", 200) == "ok"
            # Its workers live under the same list.
            seen = await classified(discord, seven())
            assert "7" in seen, seen + log.read_text()
            service.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(service.wait(), 30) == 0, log.read_text()
        assert discord.violations == []
    assert (state / "cohort.db").exists()
    assert "Operation not permitted" not in log.read_text()
    assert_private(state)


@needs_seccomp
async def test_the_backup_works_with_what_its_unit_leaves_it(postgres_url: str, tmp_path: Path) -> None:
    state, log = state_folder(tmp_path), tmp_path / "log"
    async with started(BACKUP, state, {"COHORT_DATABASE_URL": postgres_url}, log) as backup:
        assert await asyncio.wait_for(backup.wait(), 90) == 0, log.read_text()
    (saved,) = (state / "data" / "backups").glob("cohort-*.zip")
    assert saved.stat().st_size > 0
    assert_private(state)
