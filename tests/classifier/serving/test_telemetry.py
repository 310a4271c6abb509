"""What classifies tells nobody that it does. By itself onnxruntime would, with an id in the home folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def left_behind(home: Path, module: str) -> list[str]:
    """The files that importing this module leaves in a new home folder."""
    home.mkdir()
    # Nothing else of ours: on what it takes for a build server, onnxruntime reports nothing by itself.
    env = {"HOME": str(home), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True, env=env)
    return [path.name for path in home.rglob("*") if path.is_file()]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the id is kept in other places")
def test_onnxruntime_gets_no_id(tmp_path: Path) -> None:
    assert "deviceid" in left_behind(tmp_path / "by itself", "onnxruntime")
    assert left_behind(tmp_path / "ours", "bot.classifier.serving.runtime_onnx") == []
