"""The files of `deploy/`: what they name exists, and the services they start are shut in."""

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
UNITS = sorted(DEPLOY.glob("systemd/*.service"))
MOST_EXPOSED = 1.5


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_service_sees_little_of_the_machine(unit: Path, record_property: Any) -> None:
    """systemd's own judgement, from 0 (shut in) to 10."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    record_property("figure", f"systemd-analyze security {unit.name}: {found[1]}, at most {MOST_EXPOSED}")
    assert float(found[1]) <= MOST_EXPOSED


def test_units_name_only_what_there_is() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for unit in (*UNITS, *DEPLOY.glob("systemd/*.timer")):
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
        )
        # Cohort itself is not installed where the tests run; everything else has to be right.
        problems = [
            line for line in done.stderr.splitlines() if unit.name in line and "/opt/cohort" not in line
        ]
        assert problems == []


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
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        settings = {key for key in service["environment"] if key.startswith("COHORT_")}
        assert settings <= known
    # Ray runs what whoever reaches it asks for, and the database is nobody's business.
    for name in ("database", "worker-cpu", "worker-gpu"):
        assert found[name]["networks"] == ["inside"]
        assert "ports" not in found[name]
    assert yaml.safe_load((DEPLOY / "compose.yaml").read_text())["networks"]["inside"] == {"internal": True}


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
