"""How the process keeps its memory: in one heap, and what stays out of the garbage collector's rounds."""

import ctypes
import gc
import os
import sys

_M_ARENA_MAX = -8  # malloc.h


def share_one_arena() -> None:
    """Let all threads allocate from one heap; call it before the first thread starts.

    glibc gives every thread a heap of its own, up to eight for each processor, and what is free in one is
    of no use to the others: under load the bot went on growing by memory that held nothing. Python's lock
    lets its threads allocate one after another anyway. Without glibc nothing happens, and
    MALLOC_ARENA_MAX in the environment is the operator's word.
    """
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 1)


def spare_what_stays() -> None:
    """Collect what is garbage, and leave what is left out of all later rounds.

    Modules, commands and servers stay as long as the process. A full round over them takes a tenth of a
    second, in which nobody is answered, and under load there is one every few seconds. What an earlier call
    spared is looked at once more: a new session replaces the servers of the old one.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
