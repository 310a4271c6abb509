"""deploy/README.md's systemd setup, followed word for word: `python -m tests.deploy.systemd`, as root.

In namespaces of its own a second systemd becomes the first process, over a copy of this machine's files that
is thrown away afterwards; the network is the machine's. The README's commands clone the last commit, install
it and enable the service, against the stand-in for Discord, on SQLite and then on PostgreSQL. Ends with 0
when everything was as it should be; what it does and finds stands on the terminal. It is no part of
`make test`, because few machines let a program do this.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from tests.postgres import PostgresServer
from tests.wire.process import ROOT
from tests.wire.standin import StandIn

README = ROOT / "deploy/README.md"
# `chroot` would not do: in one, nobody may make the user namespace that the unit asks for.
BOOT = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs {folder}/layers
mkdir {folder}/layers/upper {folder}/layers/work
layers=lowerdir=/,upperdir={folder}/layers/upper,workdir={folder}/layers/work
mount -t overlay overlay -o $layers {folder}/root
cd {folder}/root
# Devices are the machine's own, and none of our business.
for unit in udevd.service udevd-control.socket udevd-kernel.socket udev-trigger.service
do ln -sf /dev/null etc/systemd/system/systemd-$unit; done
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t cgroup2 cgroup2 sys/fs/cgroup
mkdir .old
pivot_root . .old
umount -l .old
cd /
export container=other
exec /lib/systemd/systemd --system --unit=basic.target
"""
DOCTOR = re.compile(r"systemd-run .*?cohort doctor", re.DOTALL)


class Wrong(Exception):
    """Something is not as the README says."""


class Machine:
    """The inside of the namespaces. Commands run there as root."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    async def run(self, command: str, *, may_fail: bool = False) -> str:
        """Its output, which is also shown. Raises Wrong when it fails."""
        say(f"$ {command}")
        process = await asyncio.create_subprocess_exec(
            *("nsenter", f"--target={self._pid}", "--mount", "--pid", "--ipc", "--uts", "--cgroup"),
            *("bash", "-ec", f"cd /\n{command}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # Only what the system itself has: the service sees no Python in anybody's home.
            env=os.environ | {"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"},
            cwd="/",
        )
        told = (await process.communicate())[0].decode(errors="replace").strip()
        if told:
            say(told)
        if process.returncode and not may_fail:
            await self.run("journalctl --no-pager --lines=40", may_fail=True)
            raise Wrong(f"status {process.returncode} of: {command}")
        return told


@contextlib.asynccontextmanager
async def machine() -> AsyncIterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="cohort-systemd-") as folder:
        for name in ("root", "layers"):
            (Path(folder) / name).mkdir()
        separate = ("--pid", "--fork", "--mount", "--cgroup", "--uts", "--ipc", "--kill-child")
        boot = await asyncio.create_subprocess_exec(
            "unshare", *separate, "bash", "-c", BOOT.format(folder=folder), start_new_session=True
        )
        try:
            inside = Machine(await first_process(boot.pid))
            for _ in range(60):
                if await inside.run("systemctl is-system-running", may_fail=True) == "running":
                    break
                await asyncio.sleep(1)
            else:
                raise Wrong("systemd did not come up")
            yield inside
        finally:
            with contextlib.suppress(ProcessLookupError):
                boot.kill()
            await boot.wait()


async def first_process(outside: int) -> int:
    """The systemd that `unshare` has become the parent of, by its number out here."""
    for _ in range(100):
        for child in psutil.Process(outside).children():
            if child.name() == "systemd":
                return child.pid
        await asyncio.sleep(0.1)
    raise Wrong("no systemd came to be: namespaces, overlayfs and control groups have to be allowed")


def commands() -> tuple[str, str, str]:
    """The README's: until the settings have to be filled in, after that, and `cohort doctor`."""
    section = README.read_text().partition("\n## systemd\n")[2].partition("\n## ")[0]
    lines = section.split("```")[1].strip().splitlines()
    filled_in = next(number for number, line in enumerate(lines) if "env.example" in line) + 1
    before = "\n".join(lines[:filled_in]).replace("ADDRESS", f"file://{ROOT}")
    after = "cd /opt/cohort\n" + "\n".join(line for line in lines[filled_in:] if "--follow" not in line)
    doctor = DOCTOR.search(section)
    assert doctor is not None
    return before, after, doctor[0]


async def serve(inside: Machine, start: str, doctor: str, database_url: str) -> None:
    """Start the service with such a database, use it, kill it, stop it."""
    async with StandIn() as standin:
        settings = {
            "DISCORD_TOKEN": standin.token,
            "COHORT_DATABASE_URL": database_url,
            "COHORT_DISCORD_API_URL": standin.api_url_for("unit"),
        }
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        await inside.run(f"cat > /etc/cohort.env <<'END'\n{lines}END")
        await inside.run(start)

        async def ready(since: int) -> None:
            gateway = standin.gateway
            await standin.wait_until(
                lambda: gateway.identifies > since and bool(gateway.ready_shards), 90, "READY"
            )

        await ready(0)
        zone = await standin.slash(standin.alice, standin.channel, "timezone", {"zone": "Europe/Berlin"})
        require("Europe/Berlin" in zone.text, zone.text)
        status = await inside.run("cat /proc/$(systemctl show -P MainPID cohort)/status")
        for wanted in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"):
            require(wanted in status, wanted)
        require("Uid:\t0" not in status, "another user than root")
        files = await inside.run(
            "find /var/lib/private/cohort -type f -perm /077; stat -c %a /etc/cohort.env"
        )
        require(files == "600", "nobody else reads its files")
        journal = await inside.run("journalctl --unit cohort --no-pager | cat")
        require("oauth2/authorize" in journal and standin.token not in journal, "the link, and no token")
        # The stand-in does not say in how many servers the bot is, so that the doctor ends with a NO.
        told = await inside.run(doctor, may_fail=True)
        require(re.findall(r"^NO +(\w+)", told, re.MULTILINE) == ["application"], told)
        if database_url.startswith("postgresql"):
            await inside.run("systemctl enable --now cohort-backup.timer && systemctl start cohort-backup")
            require("cohort-" in await inside.run("ls /var/lib/cohort/data/backups"), "a backup")
        before = standin.gateway.identifies
        await inside.run("kill -KILL $(systemctl show -P MainPID cohort)")
        await ready(before)
        options = {"when": "in 3 hours", "what": "algebra"}
        reminder = await standin.slash(standin.alice, standin.channel, "remind me", options)
        require("remind you" in reminder.text, reminder.text)
        began = time.monotonic()
        await inside.run("systemctl stop cohort")
        say(f"stopped after {time.monotonic() - began:.1f} s")
        require(await inside.run("systemctl show -P Result cohort") == "success", "a clean end")
        require(not standin.violations, str(standin.violations))


async def main() -> None:
    before, start, doctor = commands()
    server = PostgresServer()
    async with machine() as inside:
        await inside.run(before)
        await serve(inside, start, doctor, "sqlite+aiosqlite:////var/lib/cohort/cohort.db")
        await asyncio.to_thread(server.start)
        try:
            await asyncio.to_thread(server.create_database, "systemd")
            await serve(inside, "systemctl restart cohort", doctor, server.url("systemd"))
        finally:
            await asyncio.to_thread(server.stop)
    say("\neverything as deploy/README.md says, on both databases")


def require(so: bool, what: str) -> None:
    if not so:
        raise Wrong(what)


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (Wrong, AssertionError, subprocess.SubprocessError) as wrong:
        sys.exit(f"NOT as it should be: {wrong}")
