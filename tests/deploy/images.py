"""An image's steps in a folder, as the Dockerfile has them: `python -m tests.deploy.images bot [FOLDER]`.

Nothing is taken from a cache. Says each step, those that it has to leave out, and how large the image's own
part is. The worker needs 15 GB and a while.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.deploy.dockerfile import Builder, StepFailed


def main() -> None:
    """Build, tell, and remove it again unless a folder was named."""
    parser = argparse.ArgumentParser(description="Execute the steps of deploy/Dockerfile without Docker.")
    parser.add_argument("target", choices=("bot", "worker"))
    parser.add_argument("folder", type=Path, nargs="?", help="where the image then lies, in image/")
    chosen = parser.parse_args()
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="cohort-image-"))
    folder.mkdir(parents=True, exist_ok=True)
    builder = Builder(folder.resolve(), say=lambda step: sys.stdout.write(f"{step}\n"))
    try:
        image = builder.build(chosen.target)
        for step in image.left_out:
            sys.stdout.write(f"Not run, it changes the system: {step}\n")
        files = [file for file in builder.here.rglob("*") if file.is_file() and not file.is_symlink()]
        bytecode = sum(file.stat().st_size for file in files if file.suffix == ".pyc")
        rest = sum(file.stat().st_size for file in files) - bytecode
        sys.stdout.write(
            f"{chosen.target}: {rest / 1e6:.0f} MB, and {bytecode / 1e6:.0f} MB of bytecode, "
            f"as user {image.user}: {' '.join(image.command)}\n"
        )
    except StepFailed as failed:
        sys.exit(str(failed))
    finally:
        if chosen.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
