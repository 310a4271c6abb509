"""Pictures: what drawing one costs, and how long the bot waits for it."""

from __future__ import annotations

import time
from pathlib import Path

from bot.rendering.cards import Theme
from bot.rendering.drawing import draw
from bot.rendering.fonts import Fonts
from bot.rendering.painter import Painter
from tests.benchmarks.figures import median, ms, percentile, section, table
from tests.benchmarks.processes import Databases
from tests.rendering.cards import SAMPLES


async def measure(databases: Databases, folder: Path, *, quick: bool) -> None:
    section(
        "Pictures",
        "CPU is the processor time of one drawing, fonts loaded; hostile cards hold the worst of names. The",
        "wait is from asking the painter to having the PNG: its process, the pipe and the drawing. The first",
        "one starts the process.",
    )
    rounds, themes = (1, [Theme.DARK]) if quick else (30, list(Theme))
    fonts = Fonts(system=False)
    painter = Painter()
    rows = []
    try:
        card = next(iter(SAMPLES.values()))
        begin = time.perf_counter()
        await painter.draw(card, Theme.DARK)
        first = time.perf_counter() - begin
        for name, card in SAMPLES.items():
            for theme in themes:
                size = len(draw(card, theme, fonts))  # warms the glyphs' outlines
                cpu, wait = [], []
                for _ in range(rounds):
                    begin = time.process_time()
                    draw(card, theme, fonts)
                    cpu.append(time.process_time() - begin)
                    begin = time.perf_counter()
                    await painter.draw(card, theme)
                    wait.append(time.perf_counter() - begin)
                rows.append(
                    (
                        f"{name}, {theme}",
                        ms(median(cpu)),
                        ms(percentile(cpu, 0.95)),
                        ms(median(wait)),
                        ms(percentile(wait, 0.95)),
                        f"{size / 1024:.0f}",
                    )
                )
    finally:
        painter.close()
    heads = ("", "CPU p50, ms", "CPU p95, ms", "wait p50, ms", "wait p95, ms", "PNG, KiB")
    print(table(heads, rows))
    print(f"\nThe first picture of a process: {ms(first)} ms.", flush=True)
