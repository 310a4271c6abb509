"""The colours of the two themes. Text has a contrast of at least 4.5 on both grounds, shapes of 3."""

from dataclasses import dataclass

from bot.rendering.cards import Theme


@dataclass(frozen=True, kw_only=True)
class Palette:
    """`paper` lies under everything, `panel` sets a part off, `track` is what a bar runs on."""

    paper: str
    panel: str
    track: str
    line: str
    ink: str
    muted: str
    accent: str
    on_accent: str
    waiting: str


PALETTES = {
    Theme.DARK: Palette(
        paper="#17191f",
        panel="#23262f",
        track="#3a3f4b",
        line="#7d8696",
        ink="#f3f5f9",
        muted="#aeb6c5",
        accent="#5cc8a8",
        on_accent="#0c1f19",
        waiting="#e8b45a",
    ),
    Theme.LIGHT: Palette(
        paper="#ffffff",
        panel="#f1f3f6",
        track="#d5dae2",
        line="#7b8494",
        ink="#181b21",
        muted="#525a69",
        accent="#0b7259",
        on_accent="#ffffff",
        waiting="#985f00",
    ),
}
