"""How many heaps a process has, as glibc itself tells it, and what the garbage collector looks at."""

import gc
import os
import platform
import subprocess
import sys
import weakref

import pytest

from bot.memory import spare_what_stays

glibc_alone = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator alone")

THREADS = 6
PROGRAM = f"""
import ctypes, threading
from bot.memory import share_one_arena
{{before}}
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
everyone = threading.Barrier({THREADS})
def allocate():
    everyone.wait()
    libc.malloc(4096)
    everyone.wait()
threads = [threading.Thread(target=allocate) for _ in range({THREADS})]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


def heaps(before: str, **env: str) -> int:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    program = [sys.executable, "-c", PROGRAM.format(before=before)]
    said = subprocess.run(program, env=inherited | env, check=True, capture_output=True, text=True)
    return said.stdout.count("<heap ")


@glibc_alone
def test_threads_share_one_heap() -> None:
    assert heaps("share_one_arena()") == 1
    assert heaps("") > 1


@glibc_alone
def test_the_operators_word_counts() -> None:
    assert heaps("share_one_arena()", MALLOC_ARENA_MAX="3") == 3


class Node:
    def __init__(self) -> None:
        self.me = self


def test_what_stays_is_spared_until_the_next_session() -> None:
    server = Node()
    gone = weakref.ref(server)
    try:
        spare_what_stays()
        del server
        gc.collect()
        assert gone() is not None
        spare_what_stays()
        assert gone() is None
    finally:
        gc.unfreeze()
