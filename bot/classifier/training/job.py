"""One training, in a process of its own: run as `python -m bot.classifier.training.job` by `Trainer`.

It reads what it is to do as a line of JSON and writes what it does as such lines; what else is printed goes
to its error output. When its input ends, whoever asked is gone, and it ends too.
"""

import io
import os
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from bot.classifier.serving import bounds
from bot.classifier.training import archive
from bot.classifier.training.files import Source, survey
from bot.classifier.training.folders import Folder
from bot.classifier.training.jobs import (
    Assignment,
    Progress,
    Report,
    Stage,
    Tell,
    error_line,
    progress_line,
    report_line,
)
from bot.errors import (
    BadTrainingSet,
    ModelDamaged,
    ModelMissing,
    NoBackbone,
    TrainingFailed,
    TrainingFault,
)


def train(assignment: Assignment, tell: Tell) -> Report:
    """Writes the bundle to `assignment.out`. Raises what `Trainer.run` raises."""
    tell(Progress(stage=Stage.READING, done=0, of=0))
    with ExitStack() as stack:
        path = Path(assignment.images)
        source: Source = Folder(path) if path.is_dir() else stack.enter_context(archive.opened(path))
        # Before torch is imported, which takes seconds: a wrong file is told at once.
        found = survey(source)
        from bot.classifier.training.making import make

        return make(assignment, source, found, tell)


def serve(requests: IO[bytes], replies: IO[str]) -> None:
    assignment = Assignment.from_line(requests.readline())
    bounds.be_modest(assignment.niceness)
    threading.Thread(target=end_with, args=(requests,), name="asker", daemon=True).start()
    said = threading.Lock()

    def say(line: str) -> None:
        with said:
            replies.write(f"{line}\n")
            replies.flush()

    try:
        report = train(assignment, lambda progress: say(progress_line(progress)))
    except (BadTrainingSet, NoBackbone, ModelDamaged, ModelMissing, TrainingFailed) as error:
        say(error_line(error))
    except MemoryError:
        say(error_line(TrainingFailed(text="It needs more memory than it may have.")))
    except FileNotFoundError as error:
        if error.filename != assignment.images:
            raise
        say(error_line(BadTrainingSet(TrainingFault.NO_IMAGES)))
    else:
        say(report_line(report))
    replies.flush()
    # Whatever threads of libraries are doing, nobody waits for it any more.
    os._exit(0)


def end_with(requests: IO[bytes]) -> None:
    """End this process when the other end of its input is closed."""
    while requests.read(1):
        pass
    os._exit(1)


def main() -> None:
    requests = io.BufferedReader(io.FileIO(os.dup(sys.stdin.fileno())))
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(requests, replies)


if __name__ == "__main__":
    main()
