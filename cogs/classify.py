"""`/classify`, Classify image, and the buttons under their answers: what a model sees, and corrections."""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.classifier.protocol import Readiness, Verdict
from bot.client import Interaction, StudyBot
from bot.errors import (
    BadText,
    ClassifierOff,
    ImageFault,
    ImageRefused,
    ModelDamaged,
    ModelMissing,
    NoImage,
    UnknownPrediction,
    UnreachableFile,
)
from bot.locales import N_, _, speaking
from bot.services.access import Caller
from bot.services.models import ModelFacts
from bot.services.predictions import KEPT_FOR, PredictionFacts
from bot.ui.answers import Reply, acknowledge, patiently, reply
from bot.ui.buttons import Press
from bot.ui.classifier import (
    FEATURE,
    RIGHT,
    WRONG,
    answer,
    because,
    corrected,
    shown_photo,
    thanks,
)
from bot.ui.images import MOST_BYTES
from bot.ui.languages import of_everyone
from bot.ui.modals import Form
from bot.ui.options import CHOICES, caller_of, model_choices

log = logging.getLogger(__name__)

# Under a flood of pictures every member still gets a sign at once; a refusal may come sooner.
PATIENCE = 0.02
TICK = "old predictions"  # the same in every language
LABEL_LIMIT = 100


class Classify(commands.Cog):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.models = bot.services.models
        self.predictions = bot.services.predictions
        self.menu = app_commands.ContextMenu(name=N_("Classify image"), callback=self.classify_image)
        self.menu.guild_only = True

    async def cog_load(self) -> None:
        self.bot.buttons.register(FEATURE, self.on_press)
        self.bot.tree.add_command(self.menu)
        self.bot.scheduler.add(TICK, self.forget, at_least_every=timedelta(days=1))

    async def cog_unload(self) -> None:
        self.bot.scheduler.remove(TICK)
        self.bot.tree.remove_command(self.menu.name, type=self.menu.type)
        self.bot.buttons.unregister(FEATURE)

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.describe(
        image="The picture: JPEG, PNG, WebP or GIF, 8 MB at most",
        model="The model to ask; your group’s when left out",
        private="Whether only you see the answer; everybody does when left out",
    )
    @app_commands.autocomplete(model=model_choices)
    async def classify(
        self,
        interaction: Interaction,
        image: discord.Attachment,
        model: str | None = None,
        private: bool = False,
    ) -> None:
        """See what the group’s model sees in a picture."""
        await self._answer(interaction, image, model, private=private, owned=True)

    async def classify_image(self, interaction: Interaction, message: discord.Message) -> None:
        """The menu of a message: its first image."""
        image = next((file for file in message.attachments if looks_like_image(file)), None)
        if image is None:
            raise NoImage
        owned = message.author.id == interaction.user.id
        await self._answer(interaction, image, None, private=False, owned=owned)

    async def forget(self) -> None:
        """What nobody said anything about for so long; the buttons below it say so from then on."""
        await self.predictions.prune(before=self.bot.clock() - KEPT_FOR)

    async def on_press(self, press: Press) -> None:
        """Right, Wrong, Why?, and Keep the picture."""
        match press.verb:
            case "right" | "others_right":
                await self._right(press)
            case "wrong" | "others_wrong":
                await self._wrong(press)
            case "keep":
                await self._keep(press)
            case "why":
                await self._why(press)
            case _:
                raise UnknownPrediction

    async def _answer(
        self,
        interaction: Interaction,
        image: discord.Attachment,
        model: str | None,
        *,
        private: bool,
        owned: bool,
    ) -> None:
        check_announced(image)
        status = self.bot.classifier.status()
        if status.readiness is Readiness.OFF:
            raise ClassifierOff(text=status.text)
        caller = caller_of(interaction)
        if private:
            await acknowledge(interaction, private=True)
            said = await self._classified(caller, image, model, owned=owned)
        else:
            with speaking(of_everyone(interaction)):
                work = self._classified(caller, image, model, owned=owned)
                said = await patiently(interaction, work, patience=PATIENCE)
        await reply(interaction, said, private=private)

    async def _classified(
        self, caller: Caller, image: discord.Attachment, model: str | None, *, owned: bool
    ) -> Reply:
        await self.predictions.allow(caller=caller)
        candidates = await self.models.chosen(caller=caller, typed=model)
        data = await fetched(image)
        chosen, verdict, passed_over = await self._asked(data, candidates)
        number = await self.predictions.record(caller=caller, model=chosen, verdict=verdict)
        return await answer(
            self.bot.painter,
            prediction_id=number,
            model=chosen,
            verdict=verdict,
            owned=owned,
            passed_over=passed_over,
        )

    async def _asked(
        self, data: bytes, candidates: tuple[ModelFacts, ...]
    ) -> tuple[ModelFacts, Verdict, tuple[ModelFacts, ...]]:
        """The first of the candidates that can answer, its answer, and those that could not."""
        passed_over: list[ModelFacts] = []
        for candidate in candidates[:-1]:
            try:
                verdict = await self.bot.classifier.classify(data, candidate.ref, photo=True)
            except (ModelDamaged, ModelMissing) as error:
                await self._noted(candidate, error)
                passed_over.append(candidate)
            else:
                return candidate, verdict, tuple(passed_over)
        last = candidates[-1]
        try:
            verdict = await self.bot.classifier.classify(data, last.ref, photo=True)
        except (ModelDamaged, ModelMissing) as error:
            await self._noted(last, error)
            raise
        return last, verdict, tuple(passed_over)

    async def _noted(self, model: ModelFacts, error: ModelDamaged | ModelMissing) -> None:
        """Where another process of the bot runs elsewhere, files that are missing here may be there."""
        log.error("a model cannot be used: %s", error, extra={"digest": model.ref.digest})
        if isinstance(error, ModelDamaged) and model.version_id is not None:
            await self.models.mark_damaged(version_id=model.version_id, part=error.part)

    async def _right(self, press: Press) -> None:
        interaction = press.interaction
        await acknowledge(interaction, private=True)
        caller = caller_of(interaction)
        found = await self.predictions.get(caller=caller, prediction_id=press.id)
        await self.predictions.feedback(
            caller=caller, prediction_id=press.id, right=True, label=found.label, image=None
        )
        photo = None
        if press.verb == RIGHT and may_keep(found, caller):
            try:
                photo = await shown_photo(interaction.message)
            except UnreachableFile as error:
                log.info("no picture to keep: %s", error)
        await reply(interaction, thanks(found, photo), private=True)

    async def _wrong(self, press: Press) -> None:
        caller = caller_of(press.interaction)
        found = await self.predictions.get(caller=caller, prediction_id=press.id)
        message = press.interaction.message

        async def submitted(interaction: Interaction, label: str, keep: bool) -> None:
            await acknowledge(interaction, private=True)
            image = await shown_photo(message) if keep else None
            feedback = await self.predictions.feedback(
                caller=caller_of(interaction), prediction_id=press.id, right=False, label=label, image=image
            )
            await reply(interaction, Reply(corrected(feedback.label, kept=keep)), private=True)

        asks = press.verb == WRONG and may_keep(found, caller)
        await press.interaction.response.send_modal(LabelForm(found, asks_to_keep=asks, submitted=submitted))

    async def _keep(self, press: Press) -> None:
        interaction = press.interaction
        await interaction.response.defer()
        caller = caller_of(interaction)
        found = await self.predictions.get(caller=caller, prediction_id=press.id)
        if not may_keep(found, caller):
            raise UnknownPrediction
        image = await shown_photo(interaction.message)
        await self.predictions.feedback(
            caller=caller, prediction_id=press.id, right=True, label=found.label, image=image
        )
        text = _(
            "Kept for training. Thank you! `/privacy delete` takes it back, with all else that is yours."
        )
        await interaction.edit_original_response(content=text, attachments=[], view=None)

    async def _why(self, press: Press) -> None:
        interaction = press.interaction
        await acknowledge(interaction, private=True)
        caller = caller_of(interaction)
        found = await self.predictions.get(caller=caller, prediction_id=press.id)
        photo = await shown_photo(interaction.message)
        await self.predictions.allow(caller=caller)
        try:
            heat = await self.bot.classifier.explain(photo.data, found.model.ref, label=found.label)
        except (ModelDamaged, ModelMissing) as error:
            await self._noted(found.model, error)
            raise
        await reply(interaction, because(found, heat), private=True)


class LabelForm(Form):
    """What a picture shows, if it is not what the model said: one of its labels, or another."""

    def __init__(
        self,
        found: PredictionFacts,
        *,
        asks_to_keep: bool,
        submitted: Callable[[Interaction, str, bool], Awaitable[None]],
    ) -> None:
        super().__init__(title=_("What does it show?"))
        self._submitted = submitted
        self._labels = found.model.labels
        others = [label for label in self._labels if label != found.label]
        self._choice: discord.ui.Select[LabelForm] | None = None
        if 0 < len(others) <= CHOICES:
            self._choice = discord.ui.Select(
                custom_id="label",
                placeholder=_("One of the model’s labels"),
                required=False,
                options=[
                    discord.SelectOption(label=label[:100], value=str(i)) for i, label in enumerate(others)
                ],
            )
            self.add_item(discord.ui.Label(text=_("It shows"), component=self._choice))
        self._others = others
        self._typed: discord.ui.TextInput[LabelForm] = discord.ui.TextInput(
            custom_id="other", required=self._choice is None, max_length=LABEL_LIMIT
        )
        text = _("It shows") if self._choice is None else _("Or something else")
        self.add_item(discord.ui.Label(text=text, component=self._typed))
        self._keep: discord.ui.Checkbox[LabelForm] | None = None
        if asks_to_keep:
            self._keep = discord.ui.Checkbox(custom_id="keep")
            self.add_item(
                discord.ui.Label(
                    text=_("Keep my picture for training"),
                    description=_("Your group may then train with it. Without this I store no picture."),
                    component=self._keep,
                )
            )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        label = " ".join(self._typed.value.split())
        if label:
            # "penny bun" is the label that is written "Penny bun".
            label = next((known for known in self._labels if known.casefold() == label.casefold()), label)
        elif self._choice is not None and self._choice.values:
            label = self._others[int(self._choice.values[0])]
        else:
            raise BadText(field="label", limit=LABEL_LIMIT, length=0)
        await self._submitted(interaction, label, self._keep is not None and self._keep.value)


def may_keep(found: PredictionFacts, caller: Caller) -> bool:
    """Only who posted a picture can agree to its being kept."""
    return found.user_id == caller.user_id


def looks_like_image(file: discord.Attachment) -> bool:
    return (file.content_type or "").startswith("image/")


def check_announced(image: discord.Attachment) -> None:
    """Refuse by what Discord says of the file, before any of it is fetched; raises ImageRefused."""
    if image.size > MOST_BYTES:
        raise ImageRefused(fault=ImageFault.TOO_MANY_BYTES, limit=MOST_BYTES)
    if image.size == 0:
        raise ImageRefused(fault=ImageFault.EMPTY)
    if image.content_type is not None and not looks_like_image(image):
        raise ImageRefused(fault=ImageFault.NOT_AN_IMAGE)


async def fetched(image: discord.Attachment) -> bytes:
    """Raises UnreachableFile."""
    try:
        return await image.read()
    except discord.HTTPException as error:
        raise UnreachableFile(name=image.filename) from error


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Classify(bot))
