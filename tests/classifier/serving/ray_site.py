"""`python -m tests.classifier.serving.ray_site CONFIG`: what `serve run CONFIG` does, in a Ray of its own.

It ends when its standard input does. Ray's processes keep to 127.0.0.1 and end with it.
"""

import _thread
import sys
import threading

import ray
from ray.serve.scripts import cli


def main() -> None:
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=100 * 2**20,
        namespace="serve",
    )
    threading.Thread(target=_until_alone, daemon=True).start()
    try:
        cli(["run", sys.argv[1]])
    finally:
        ray.shutdown()


def _until_alone() -> None:
    sys.stdin.read()
    _thread.interrupt_main()


if __name__ == "__main__":
    main()
