"""The process that draws: reads cards from its input, writes pictures to its output, ends with its input."""

import os
import pickle
import signal
import sys
import traceback
from pathlib import Path

from bot.locales import speaking
from bot.rendering.drawing import draw
from bot.rendering.fonts import Fonts
from bot.rendering.formulas import FormulaPicture


def main(folder: str = "") -> None:
    """Serve until the bot closes the pipe or dies. `folder` is the operator's, empty for none."""
    # Ctrl-C in a terminal reaches this process too; the bot still wants its pictures while it stops.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = sys.stdin.buffer
    # What a library prints must not stand between two answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    fonts = Fonts(Path(folder) if folder else None)
    while True:
        try:
            card, theme, language = pickle.load(requests)  # noqa: S301 (from the bot itself)
        except EOFError:
            return
        try:
            if isinstance(card, tuple):
                # Not at the top: ziamath takes a quarter of a second to import, and most pictures need none.
                from bot.rendering.formulas.drawing import draw_formulas

                answer: tuple[bytes | FormulaPicture, str] = draw_formulas(card, theme), ""
            else:
                with speaking(language):
                    answer = draw(card, theme, fonts), ""
        except Exception:
            answer = b"", traceback.format_exc()
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
