"""The software bill of materials: `python -m tests.deploy.sbom FILE` writes it as CycloneDX 1.6, in JSON.

Made from the lock alone, without the network, and the same every time: each version with the hashes of its
files, who asked for it, its licence, and the extras that bring it. What is in a built image beside Python
packages (Debian's) is not in it.
"""

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.deploy.licences import NVIDIA, brought_by, declared
from tests.deploy.locked import PROJECT, ROOT, Locked, extras, read


def bill(lock: list[Locked]) -> dict[str, Any]:
    """The document of everything that the lock pins."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = extras(lock)
    ours = f"pkg:pypi/{PROJECT}@{project['version']}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": ours,
                "name": PROJECT,
                "version": project["version"],
                "description": project["description"],
                "licenses": [{"expression": project["license"], "acknowledgement": "declared"}],
                "purl": ours,
            }
        },
        "components": [_component(package, brought_by(package.name, found)) for package in lock],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(package.purl for package in lock if name in package.askers)}
            for ref, name in [(ours, PROJECT), *((package.purl, package.name) for package in lock)]
        ],
    }


def _component(package: Locked, bringers: set[str]) -> dict[str, Any]:
    properties = [{"name": "cohort:extras", "value": ",".join(sorted(bringers))}]
    if package.marker:
        properties.append({"name": "cohort:marker", "value": package.marker})
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "licenses": [_licence(declared(package.name))],
        "purl": package.purl,
        # A package has many files, one for each system; CycloneDX keeps a component's own hashes for one.
        "externalReferences": [
            {
                "type": "distribution",
                "url": package.purl,
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in package.sha256],
            }
        ],
        "properties": properties,
    }


def _licence(expression: str) -> dict[str, Any]:
    if expression == NVIDIA:
        return {"license": {"name": "NVIDIA proprietary", "acknowledgement": "declared"}}
    return {"expression": expression, "acknowledgement": "declared"}


def written(lock: list[Locked]) -> str:
    """The document as text; ValueError when CycloneDX's own schema refuses it."""
    text = json.dumps(bill(lock), indent=1) + "\n"
    refused = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if refused is not None:
        raise ValueError(str(refused))
    return text


def main() -> None:
    """Write the file named on the command line."""
    file = Path(sys.argv[1] if len(sys.argv) > 1 else "dist/cohort.cdx.json")
    lock = read()
    text = written(lock)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{file}: {len(lock)} packages\n")


if __name__ == "__main__":
    main()
