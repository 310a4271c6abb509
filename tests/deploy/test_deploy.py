"""The files of `deploy/`: what they name exists, and the containers they start are shut in."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.health import Health
from bot.sandbox import open_world
from bot.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def services() -> dict[str, dict[str, Any]]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]  # type: ignore[no-any-return]


def test_containers_are_shut_in_and_name_only_what_there_is() -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE))
    known = {f"COHORT_{name.upper()}" for name in Settings.model_fields}
    found = services()
    for name, service in found.items():
        assert set(service.get("depends_on", {})) <= set(found)
        if name == "database":
            continue
        assert service["build"]["target"] in targets
        assert service["user"] not in ("0", "root")
        assert service["read_only"] is True
        assert service["init"] is True, "a shell that is the first process hears no SIGTERM"
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        settings = {key for key in service["environment"] if key.startswith("COHORT_")}
        assert settings <= known
    # Ray runs what whoever reaches it asks for, and the database is nobody's business.
    for name in ("database", "worker-cpu", "worker-gpu"):
        assert found[name]["networks"] == ["inside"]
        assert "ports" not in found[name]
    assert yaml.safe_load((DEPLOY / "compose.yaml").read_text())["networks"]["inside"] == {"internal": True}


# The major version of PostgreSQL's tools in each release of Debian.
DEBIANS_POSTGRES = {"bookworm": 15, "trixie": 17}


def test_the_images_tools_can_read_the_composed_database() -> None:
    """pg_dump refuses a server that is newer than itself; each nightly backup would fail."""
    releases = set(re.findall(r"^FROM python:[\d.]+-slim-(\w+) ", (DEPLOY / "Dockerfile").read_text(), re.M))
    (release,) = releases
    server = services()["database"]["image"].removeprefix("postgres:")
    assert int(server.split("-")[0]) <= DEBIANS_POSTGRES[release]
    # From 18 on the data lies one folder higher.
    folder = "/var/lib/postgresql/data" if int(server) < 18 else "/var/lib/postgresql"
    assert services()["database"]["volumes"] == [f"database:{folder}"]


def test_docker_compose_reads_the_files(tmp_path: Path) -> None:
    """Compose's own judgement, where there is one: its plugin needs no engine for it."""
    found = shutil.which("docker-compose")
    command = [found] if found else ["docker", "compose"]
    if not found and subprocess.run([*command, "version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("docker compose is not installed")
    copied = tmp_path / "deploy"
    shutil.copytree(DEPLOY, copied, ignore=shutil.ignore_patterns(".env", "screenshots"))
    (copied / ".env").write_text("DISCORD_TOKEN=token\nPOSTGRES_PASSWORD=password\n")
    for files in (["compose.yaml"], ["compose.yaml", "compose.scale.yaml"]):
        named = [part for file in files for part in ("-f", file)]
        done = subprocess.run(
            [*command, *named, "--profile", "gpu", "--profile", "cpu", "config", "--quiet"],
            cwd=copied, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")


def test_every_shard_runs_once() -> None:
    scale = yaml.safe_load((DEPLOY / "compose.scale.yaml").read_text())["services"]
    shards = [service["environment"]["COHORT_SHARDS"] for service in scale.values()]
    assert sorted(shards) == [f"{shard}/{len(shards)}" for shard in range(len(shards))]
    for shard in shards:
        Settings(_env_file=None, shards=shard)


def test_the_worker_finds_its_settings_in_rays_file() -> None:
    """The compose file rewrites some lines of it, which therefore have to stand there."""
    text = (DEPLOY / "ray-serve.yaml").read_text()
    command = services()["worker-gpu"]["command"][-1]
    # Whoever reaches Ray's dashboard can run code there; without its own `ray start`, Ray starts one.
    assert "ray start --head --include-dashboard=false" in command
    rewritten = [found[2] for found in re.finditer(r'"s([/#])(.*?)\1.*?\1"', command)]
    assert len(rewritten) == 3
    for wanted in rewritten:
        assert wanted in text, wanted


async def test_dashboards_and_alerts_ask_for_what_is_told(sqlite_url: str) -> None:
    async with open_world(database_url=sqlite_url, empty=True) as world:
        health = Health(world.bot, clock=world.bot.clock)
        text = (await health.measured()).decode()
    told = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    series = told | {f"{name}_{end}" for name in told for end in ("bucket", "count", "sum", "total")}
    board = json.loads((DEPLOY / "monitoring" / "grafana.json").read_text())
    rules = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yaml").read_text())["groups"][0]["rules"]
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for rule in rules]
    for expression in asked:
        for name in re.findall(r"\bcohort_\w+", expression):
            assert name in series, name
    for rule in rules:
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]
