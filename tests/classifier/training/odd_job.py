"""Processes that behave as no training should: `python -m tests.classifier.training.odd_job HOW`."""

import json
import os
import sys
import time
from typing import Any


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main(how: str) -> None:
    asked = json.loads(sys.stdin.readline())
    if how in ("sleeps", "dies"):
        say({"kind": "progress", "stage": "reading", "done": 1, "of": 2})
    match how:
        case "sleeps":
            time.sleep(60)
        case "dies":
            os.kill(os.getpid(), 9)
        case "raises":
            raise ValueError("the learning rate of " + asked["name"])
        case "babbles":
            sys.stdout.write("Epoch 1: 0.93\n")
        case "lies":
            say({"kind": "trained", "top_losses": [], "left_out": []})
        case "refuses":
            say(
                {"kind": "error", "error": "BadTrainingSet", "fault": "no images", "names": [], "limit": None}
            )
        case "tells its environment":
            raise ValueError(" ".join(sorted(os.environ)))


if __name__ == "__main__":
    main(sys.argv[1])
