"""What a worker allows itself: its share of the machine, and no more memory than it may have.

On Linux the kernel refuses memory beyond the limit (RLIMIT_DATA, which counts what is written to and not, as
RLIMIT_AS does, the address space that onnxruntime and torch reserve and never touch), so that one picture or
batch fails instead of the process. With a graphics card, whose driver maps more than it uses, and on macOS,
which ignores that limit, a thread looks at the memory in use four times a second and ends the process. On
Windows nothing does: the clock alone ends a worker there.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bot.classifier.serving.frames import TOO_MUCH_MEMORY

if sys.platform != "win32":
    import resource

MIB = 2**20
# Without a card: models, pictures and what lies between two layers. With one, the driver and torch as well.
MEMORY, MEMORY_WITH_CARD = 3072 * MIB, 16384 * MIB
NICENESS = 5
_LOOKS_EVERY = 0.25
_CGROUP = Path("/sys/fs/cgroup/cpu.max")


def cores(quota: Path = _CGROUP) -> int:
    """Processor cores that this process may use: those it is bound to, and its container's share of them."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone
    bound = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        share, period = quota.read_text().split()
        return max(min(bound, round(int(share) / int(period))), 1)
    except (OSError, ValueError):  # no such file, or "max"
        return bound


def be_modest(niceness: int = NICENESS) -> None:
    """Let the bot go first. On Windows it is started like that."""
    if sys.platform != "win32":
        # A service whose system calls are filtered (deploy/systemd) may not ask for it, and works without.
        with contextlib.suppress(PermissionError):
            os.nice(niceness)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_memory(most: int = MEMORY, *, with_card: bool = False) -> None:
    """From now on. `most` is in bytes."""
    if sys.platform == "linux" and not with_card:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard == resource.RLIM_INFINITY or hard > most:
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    elif sys.platform != "win32":
        threading.Thread(target=_watch, args=(most, _in_use), name="memory", daemon=True).start()


def _watch(most: int, in_use: Callable[[], int]) -> None:
    while in_use() <= most:
        time.sleep(_LOOKS_EVERY)
    os._exit(TOO_MUCH_MEMORY)


def _in_use() -> int:
    """Resident bytes; on macOS the most there ever were."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    elif sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    else:
        raise NotImplementedError
