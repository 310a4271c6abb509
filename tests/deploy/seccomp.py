"""Run a command under the list of system calls that a systemd unit allows: seccomp.py UNIT COMMAND…

Started by its path, with the standard library alone. What the list does not have ends with EPERM, as the unit
says. x86-64 Linux with systemd-analyze and the kernel's headers.
"""

import ctypes
import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

HEADERS = (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm/unistd_64.h"))
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL, KILL = 0x7FFF0000, 0x00050000, 0x80000000
X86_64 = 0xC000003E


class Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint32),
    ]  # fmt: skip


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(Instruction))]


def numbers() -> dict[str, int]:
    """The kernel's number of each call; FileNotFoundError without its headers."""
    for header in HEADERS:
        if header.exists():
            found = re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())
            return {name: int(number) for name, number in found}
    raise FileNotFoundError("the kernel's headers (linux-libc-dev) are not installed")


def members(names: Iterable[str]) -> set[str]:
    """The calls of these names and @groups, which contain others."""
    found: set[str] = set()
    for name in names:
        if not name.startswith("@"):
            found.add(name)
            continue
        done = subprocess.run(
            ["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True
        )
        listed = (line.strip() for line in done.stdout.splitlines()[1:])
        found |= members(line for line in listed if line and not line.startswith("#"))
    return found


def allowed(unit: str) -> set[str]:
    """What a unit's SystemCallFilter lines come to, the first of them a list of what may be called."""
    found: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        if line.startswith("~"):
            found -= members(line[1:].split())
        else:
            # systemd always lets through what every program needs.
            found |= members([*line.split(), "@default"])
    if not found:
        raise ValueError("the unit has no SystemCallFilter")
    return found


def shut(calls: set[str]) -> None:
    """From here on this process and its children have these calls alone. OSError when the kernel refuses."""
    known = numbers()
    steps = [
        Instruction(LOAD_WORD, 0, 0, 4),
        Instruction(JUMP_IF_EQUAL, 1, 0, X86_64),
        Instruction(RETURN, 0, 0, KILL),
        Instruction(LOAD_WORD, 0, 0, 0),
    ]
    for name in sorted(calls & set(known)):
        steps += [Instruction(JUMP_IF_EQUAL, 0, 1, known[name]), Instruction(RETURN, 0, 0, ALLOW)]
    steps.append(Instruction(RETURN, 0, 0, FAIL | errno.EPERM))
    program = Program(len(steps), (Instruction * len(steps))(*steps))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0),
    ):  # fmt: skip
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    shut(allowed(Path(sys.argv[1]).read_text()))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 (the point of it)
