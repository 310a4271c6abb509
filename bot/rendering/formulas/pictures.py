"""Pictures of formulas, drawn once each: a group's cards come back every day."""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from bot.flashcards.math import Formula
from bot.rendering.cards import Theme
from bot.rendering.formulas import FormulaPicture
from bot.rendering.painter import PainterBusy, PictureFailed

log = logging.getLogger(__name__)

KEPT_AT_MOST = 16 * 2**20


class FormulaPictures:
    """Keeps the pictures of late, up to so many bytes. `draw` is the painter's."""

    def __init__(
        self,
        draw: Callable[[tuple[Formula, ...], Theme], Awaitable[FormulaPicture]],
        *,
        kept_at_most: int = KEPT_AT_MOST,
    ) -> None:
        self._draw = draw
        self._kept_at_most = kept_at_most
        self._kept: OrderedDict[tuple[tuple[Formula, ...], Theme], FormulaPicture] = OrderedDict()
        self._size = 0

    async def picture(self, formulas: tuple[Formula, ...], theme: Theme) -> FormulaPicture:
        """The picture of these formulas. Never raises: when the painter can't, it lacks all of them."""
        content = formulas, theme
        if content in self._kept:
            self._kept.move_to_end(content)
            return self._kept[content]
        try:
            picture = await self._draw(formulas, theme)
        except (PainterBusy, PictureFailed, OSError) as error:
            log.warning("%d formulas go out as text", len(formulas), exc_info=error)
            return FormulaPicture(png=b"", lacking=formulas)
        self._keep(content, picture)
        return picture

    def _keep(self, content: tuple[tuple[Formula, ...], Theme], picture: FormulaPicture) -> None:
        if content in self._kept:  # somebody else asked for it meanwhile
            return
        self._kept[content] = picture
        self._size += len(picture.png)
        while self._size > self._kept_at_most:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest.png)
