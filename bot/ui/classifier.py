"""What members see of a classification: the answer with its buttons, its reasons, thanks for a correction."""

import io

import discord

from bot.classifier.protocol import Doubt, Guess, Picture, Verdict
from bot.errors import UnreachableFile
from bot.locales import N_, _
from bot.rendering.model_cards import ClassificationCard, LabelShare, percent
from bot.rendering.painter import Painter
from bot.services.models import ModelFacts
from bot.services.predictions import PredictionFacts
from bot.ui.answers import Reply
from bot.ui.boards import COLOUR
from bot.ui.buttons import DurableButton, buttons
from bot.ui.pictures import picture
from bot.ui.text import shown

FEATURE = "classify"
RIGHT, WRONG, WHY, KEEP = "right", "wrong", "why", "keep"
#: The same, under a picture that somebody else had posted: nobody but its owner can agree to its being kept.
OTHERS_RIGHT, OTHERS_WRONG = "others_right", "others_wrong"
#: The names of the two files of an answer, less their endings.
PHOTO, BARS, HEAT = "photo", "classification", "why"
GUESSES = 5
NEAREST = 3
# The labels of a model may be long; a button takes 80 characters.
LABEL_ROOM = 60
GREY = discord.Colour(0x7D8696)
DOUBTS = {
    Doubt.UNDECIDED: N_("No label stands out."),
    Doubt.UNFAMILIAR: N_("This picture is unlike all that the model was trained on."),
}


async def answer(
    painter: Painter,
    *,
    prediction_id: int,
    model: ModelFacts,
    verdict: Verdict,
    owned: bool,
    passed_over: tuple[ModelFacts, ...] = (),
) -> Reply:
    """The answer to `/classify`, as picture and as text. `owned` says that whoever asked posted the picture;
    `passed_over` are versions that would have answered but for their damaged files.
    """
    embed = discord.Embed(title=shown(headline(verdict)), colour=GREY if verdict.doubt else COLOUR)
    embed.description = "\n".join(
        [
            *answer_lines(verdict),
            _(
                "Asked: **{model}**, which took {time}.",
                model=shown(model_name(model)),
                time=duration(verdict.seconds),
            ),
            *(
                _("-# {model} is damaged and was passed over.", model=shown(model_name(one)))
                for one in passed_over
            ),
        ]
    )
    files = await picture(
        painter, card(model, verdict), theme=model.theme, name=BARS, alt=alt_text(model, verdict)
    )
    if files:
        embed.set_image(url=f"attachment://{files[0].filename}")
    if verdict.photo is not None:
        # Not inside the embed: so it stays among the message's attachments, from where Why? reads it again.
        files.insert(0, upload(verdict.photo, PHOTO, alt=_("The picture that the model was shown")))
    view = answer_buttons(prediction_id, verdict, owned=owned)
    return Reply(embeds=[embed], files=files, view=view)


def answer_buttons(prediction_id: int, verdict: Verdict, *, owned: bool) -> discord.ui.View:
    """Right and Wrong; where the model is not sure, whether its first guess is right all the same."""
    right, wrong = (RIGHT, WRONG) if owned else (OTHERS_RIGHT, OTHERS_WRONG)
    says_yes, says_no = _("Right"), _("Wrong")
    if verdict.doubt:
        label = in_button(verdict.guesses[0].label)
        says_yes, says_no = _("It is {label}", label=label), _("It is something else")
    return buttons(
        DurableButton(FEATURE, prediction_id, right, label=says_yes, style=discord.ButtonStyle.success),
        DurableButton(FEATURE, prediction_id, wrong, label=says_no, style=discord.ButtonStyle.danger),
        DurableButton(FEATURE, prediction_id, WHY, label=_("Why?")),
    )


def headline(verdict: Verdict) -> str:
    return _("Not sure") if verdict.doubt else verdict.guesses[0].label


def answer_lines(verdict: Verdict) -> list[str]:
    """The same as the picture says."""
    if verdict.doubt:
        nearest = ", ".join(_in_words(guess) for guess in verdict.guesses[:NEAREST])
        doubt = _(DOUBTS[verdict.doubt])
        return [_("{doubt} Nearest: {labels}.", doubt=doubt, labels=nearest)]
    first, *others = verdict.guesses[:GUESSES]
    lines = [f"**{shown(first.label)}**, {percent(first.probability)}"]
    if others:
        lines.append(_("Then {labels}.", labels=", ".join(_in_words(guess) for guess in others)))
    return lines


def card(model: ModelFacts, verdict: Verdict) -> ClassificationCard:
    name = model_name(model)
    return ClassificationCard(
        title=headline(verdict),
        subtitle=f"{name}: {_(DOUBTS[verdict.doubt])}" if verdict.doubt else name,
        guesses=tuple(
            LabelShare(label=one.label, share=one.probability) for one in verdict.guesses[:GUESSES]
        ),
        sure=verdict.doubt is None,
    )


def alt_text(model: ModelFacts, verdict: Verdict) -> str:
    bars = ", ".join(f"{one.label} {percent(one.probability)}" for one in verdict.guesses[:GUESSES])
    return _(
        "{answer}, says {model}. Bars: {bars}", answer=headline(verdict), model=model_name(model), bars=bars
    )


def thanks(found: PredictionFacts, photo: Picture | None) -> Reply:
    """After Right. With the picture, whether it may be kept is asked; that is shown which would be."""
    text = _("Thank you: **{label}** it is.", label=shown(found.label))
    if photo is None:
        return Reply(text)
    keep = DurableButton(FEATURE, found.prediction_id, KEEP, label=_("Keep the picture for training"))
    question = _(
        "May your group keep this picture to train with? I have not stored it, and won’t unless you say so."
    )
    file = upload(photo, PHOTO, alt=_("The picture that would be kept"))
    return Reply(f"{text} {question}", files=[file], view=buttons(keep))


def corrected(label: str, *, kept: bool) -> str:
    """After Wrong."""
    text = _("Thank you, noted: **{label}**.", label=shown(label))
    return " ".join([text, _("The picture is kept for training, as you allowed.")]) if kept else text


def because(found: PredictionFacts, heat: Picture) -> Reply:
    """After Why?"""
    text = _(
        "The warmer the colour, the more that part of the picture spoke for **{label}**.",
        label=shown(found.label),
    )
    alt = _("The picture under a heat map of what spoke for {label}", label=found.label)
    return Reply(text, files=[upload(heat, HEAT, alt=alt)])


def model_name(model: ModelFacts) -> str:
    """Such as "mushrooms v3"; the model that comes with the bot has no number."""
    return model.name if model.number is None else f"{model.name} v{model.number}"


def duration(seconds: float) -> str:
    if seconds >= 1:
        return _("{seconds:.1f} s", seconds=seconds)
    return _("{milliseconds} ms", milliseconds=max(round(1000 * seconds), 1))


def in_button(label: str) -> str:
    line = " ".join(label.split())
    return line if len(line) <= LABEL_ROOM else line[: LABEL_ROOM - 1] + "…"


def upload(image: Picture, name: str, *, alt: str) -> discord.File:
    return discord.File(io.BytesIO(image.data), filename=f"{name}.{image.ending}", description=alt[:1024])


async def shown_photo(message: discord.Message | None) -> Picture:
    """The picture in an answer of ours, as it was uploaded. Raises UnreachableFile."""
    for attachment in message.attachments if message is not None else ():
        name, _, ending = attachment.filename.rpartition(".")
        if name == PHOTO:
            try:
                return Picture(data=await attachment.read(), ending=ending)
            except discord.HTTPException as error:
                raise UnreachableFile(name=attachment.filename) from error
    raise UnreachableFile(name=PHOTO)


def _in_words(guess: Guess) -> str:
    return f"{shown(guess.label)} {percent(guess.probability)}"
