"""An image's steps in a folder, as the Dockerfile has them: `python -m tests.deploy.images bot [FOLDER]`.

Nothing is taken from a cache. Says each step, those that it has to leave out, and how large the image's own
part is. The worker needs 15 GB and a while; as root, it is then started with compose.yaml's command and
asked what it sees in a picture. Ray keeps to 127.0.0.1 meanwhile, and needs its usual ports.
"""

import argparse
import asyncio
import io
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image as Picture
from PIL import ImageDraw

from bot.classifier.serving.remote import RemoteClassifier
from bot.classifier.store import ModelStore
from bot.errors.classifier import ClassifierWarmingUp
from tests.deploy.container import Container, compose, shut, unlock
from tests.deploy.dockerfile import Builder, Image, StepFailed
from tests.deploy.locked import ROOT

TOKEN = "only of this run"
STARTS_WITHIN = 240.0


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
        if chosen.target == "worker" and os.geteuid() == 0:
            asyncio.run(serve(builder, image))
    except StepFailed as failed:
        sys.exit(str(failed))
    finally:
        if chosen.folder is None:
            shutil.rmtree(folder)


async def serve(builder: Builder, image: Image) -> None:
    """Run compose.yaml's service in the image until it has said what a seven is."""
    variables = {"POSTGRES_PASSWORD": "unused", "COHORT_CLASSIFIER_TOKEN": TOKEN}
    service = compose("compose.yaml", variables=variables)["worker-cpu"]
    (builder.here / "data" / "models").mkdir(parents=True, exist_ok=True)
    shut(builder.here, but=image.volumes)
    scratch = Path(tempfile.mkdtemp(prefix="cohort-worker-"))
    worker = Container(
        builder,
        image,
        scratch / "log",
        command=service["command"],
        # A container has a network of its own to listen in.
        env=service["environment"] | {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_TMPDIR": str(scratch)},
        instead={
            "0.0.0.0": "127.0.0.1",  # noqa: S104 # instead of it
            "/etc/ray-serve.yaml": str(ROOT / "deploy" / "ray-serve.yaml"),
            "/tmp/serve.yaml": str(scratch / "serve.yaml"),  # noqa: S108
        },
        apart=True,
    )
    classifier = RemoteClassifier("http://127.0.0.1:8000", token=TOKEN)
    digits = next(ref for ref in ModelStore(scratch).shipped() if ref.name == "digits")
    began = time.monotonic()
    await worker.start()
    try:
        await classifier.start()
        while True:
            try:
                verdict = await classifier.classify(seven(), digits)
                break
            except ClassifierWarmingUp:
                if worker.status is not None or time.monotonic() - began > STARTS_WITHIN:
                    sys.exit(worker.log())
                await asyncio.sleep(1)
        best = verdict.guesses[0]
        sys.stdout.write(
            f"the worker's service, as compose.yaml starts it: answers after "
            f"{time.monotonic() - began:.0f} s, and takes a seven for {best.label} ({best.probability:.0%})\n"
        )
    finally:
        await classifier.close()
        await worker.kill()
        unlock(builder.here)
        shutil.rmtree(scratch, ignore_errors=True)


def seven() -> bytes:
    file, picture = io.BytesIO(), Picture.new("L", (84, 84), 255)
    ImageDraw.Draw(picture).line([(22, 20), (62, 20), (36, 66)], fill=0, width=8, joint="curve")
    picture.save(file, "PNG")
    return file.getvalue()


if __name__ == "__main__":
    main()
