"""What members see of models: the list, a model's card, a training at work and what came of it."""

from collections.abc import Sequence
from datetime import datetime

import discord

from bot.classifier.manifest import Manifest, Metrics
from bot.classifier.training.jobs import Progress, Stage
from bot.db.models import VersionState
from bot.errors import StudyError
from bot.locales import N_, _
from bot.locales.writing import number
from bot.rendering.model_cards import ConfusionCard, percent
from bot.rendering.painter import Painter
from bot.services.models import ModelFacts
from bot.services.predictions import TrainingSet
from bot.services.trainings import TrainingFacts
from bot.ui.answers import Reply
from bot.ui.boards import COLOUR
from bot.ui.buttons import DurableButton, buttons
from bot.ui.cards import counted
from bot.ui.classifier import model_name
from bot.ui.classifier_refusals import code, counted_seconds
from bot.ui.errors import wording
from bot.ui.moments import date_and_time, moment
from bot.ui.pictures import picture
from bot.ui.text import begun_large, fitting, listed, shown

#: The features of the buttons: their ids are those of a version, and of a training.
FEATURE, TRAINING = "model", "training"
PUBLISH, CANCEL, DONE = "publish", "cancel", "done"
PICTURE = "confusion"
# More labels than this are too small to read in a picture.
MOST_DRAWN = 20
WORST = 3
# Characters of a progress bar, as many as a phone shows in one line.
BAR = 20
LINES_ROOM = 3600

#: What a training does, and where of the whole that stands: most of the time goes into the training itself.
STAGES = {
    Stage.READING: N_("Reading the images"),
    Stage.FETCHING: N_("Fetching the weights to begin with"),
    Stage.FINDING: N_("Looking for a good learning rate"),
    Stage.TRAINING: N_("Training"),
    Stage.TESTING: N_("Testing on images it never saw"),
    Stage.WRITING: N_("Writing the model down"),
}
SHARES = {
    Stage.READING: (0.0, 0.05),
    Stage.FETCHING: (0.05, 0.1),
    Stage.FINDING: (0.1, 0.15),
    Stage.TRAINING: (0.15, 0.9),
    Stage.TESTING: (0.9, 0.95),
    Stage.WRITING: (0.95, 1.0),
}
STATES = {
    VersionState.DRAFT: N_("draft"),
    VersionState.PUBLISHED: N_("published"),
    VersionState.SUPERSEDED: N_("earlier"),
    VersionState.RETIRED: N_("retired"),
    VersionState.DAMAGED: N_("damaged"),
}
#: Where the images of a training came from. It stands in the model's card as it is written here.
GIVEN = N_("Images that an organizer gave for this training.")
KEPT = N_("Pictures that members let their group keep when they corrected a model’s answers.")


def list_embed(models: Sequence[ModelFacts]) -> discord.Embed:
    """A server's models, a paragraph each: the version that answers, then the others."""
    embed = discord.Embed(title=_("Models"), colour=COLOUR)
    families: dict[tuple[int | None, str], list[ModelFacts]] = {}
    for model in models:
        families.setdefault((model.group_id, model.name), []).append(model)
    paragraphs = [_paragraph(versions) for versions in families.values()]
    kept = fitting(paragraphs, room=LINES_ROOM)
    if len(kept) < len(paragraphs):
        kept.append(_("and {left} more", left=len(paragraphs) - len(kept)))
    embed.description = "\n".join(kept)
    embed.set_footer(text=_("/classify asks one, /model info tells more, /model train makes another."))
    return embed


def _paragraph(versions: Sequence[ModelFacts]) -> str:
    first = versions[0]
    name = shown(first.name)
    if first.group is not None:
        lines = [_("**{model}** of {group}", model=name, group=shown(first.group))]
    else:
        lines = [_("**{model}**, comes with me", model=name)]
    for model in versions:
        version = "" if model.number is None else f"v{model.number} "
        facts = [] if model.state is None else [_(STATES[model.state])]
        if model.accuracy is not None:
            facts.append(
                _("{share} of {tested:,} right", share=percent(model.accuracy), tested=model.tested or 0)
            )
        facts.append(_("{count} labels", count=len(model.labels)))
        lines.append(f"- {version}{', '.join(facts)}")
    return "\n".join(lines)


async def info_reply(painter: Painter, model: ModelFacts, manifest: Manifest) -> Reply:
    """The model card, with its confusion matrix as a picture where that can be read."""
    embed = discord.Embed(title=shown(model_name(model)), colour=COLOUR)
    embed.description = "\n".join(_about(model, manifest))
    embed.add_field(name=_("Trained on"), value=_data(manifest), inline=False)
    if manifest.metrics is not None:
        embed.add_field(
            name=_("On images it never saw"),
            value="\n".join(metric_lines(manifest.labels, manifest.metrics)),
            inline=False,
        )
    remarks = fitting([f"- {shown(remark, most=300)}" for remark in manifest.data.remarks], room=1000)
    if remarks:
        embed.add_field(name=_("Remarks"), value="\n".join(remarks), inline=False)
    embed.set_footer(text=f"sha256 {model.ref.digest}")  # the same in every language
    files = await confusion_picture(painter, model, manifest)
    if files:
        embed.set_image(url=f"attachment://{files[0].filename}")
    return Reply(embeds=[embed], files=files)


def _about(model: ModelFacts, manifest: Manifest) -> list[str]:
    if model.group is None:
        lines = [_("It comes with me.")]
    else:
        state = begun_large(_(STATES[model.state])) if model.state is not None else ""
        group = shown(model.group)
        if model.is_active and model.published_at:
            since = date_and_time(model.published_at)
            lines = [_("**{state}** in **{group}** since {since}.", state=state, group=group, since=since)]
        else:
            lines = [_("**{state}** in **{group}**.", state=state, group=group)]
    lines.append(_("**Labels:** {labels}", labels=listed(model.labels, most=40)))
    made_at = datetime.fromisoformat(manifest.origin.made_at)
    made = [moment(made_at)]
    if manifest.origin.epochs:
        made.append(_("{count} epochs", count=manifest.origin.epochs))
    lines.append(
        _(
            "**Made:** {made}, from {base}; {versions}",
            made=", ".join(made),
            base=shown(manifest.origin.base),
            versions=shown(", ".join(manifest.origin.versions)),
        )
    )
    lines.append(_("**Licence:** {licence}", licence=shown(manifest.licence)))
    return lines


def _data(manifest: Manifest) -> str:
    data = manifest.data
    counts = [f"{shown(label)} {number(count)}" for label, count in data.images.items()]
    kept = fitting(counts, room=500, between=", ")
    words = ", ".join(kept)
    if len(kept) < len(counts):
        words = _("{some} and {left} more", some=words, left=len(counts) - len(kept))
    if counts:
        total = _("{count:,} images: {labels}.", count=sum(data.images.values()), labels=words)
    else:
        total = _("Unknown images.")
    source = _(data.source) if data.source in (GIVEN, KEPT) else data.source
    licence = _("Licence: {licence}", licence=shown(data.licence))
    return f"{total}\n{shown(source, most=200)} {licence}"


def metric_lines(labels: Sequence[str], metrics: Metrics) -> list[str]:
    """How well it does, how far that can be relied on, how sure it is, and what it mixes up."""
    low, high = metrics.interval
    lines = [
        _(
            "**{share}** of {tested:,} right (95 % interval: {low} to {high}).",
            share=percent(metrics.accuracy),
            tested=metrics.tested,
            low=percent(low),
            high=percent(high),
        ),
        _(
            "It is sure of {share} of them, and {right} of those are right.",
            share=percent(metrics.answered),
            right=percent(metrics.answered_right),
        )
        if metrics.answered
        else _("It is not sure of any of them."),
        _(
            "Its probabilities are off by {after:.1f} % on average ({before:.1f} % before calibration).",
            after=100 * metrics.ece,
            before=100 * metrics.ece_before,
        ),
    ]
    worst = worst_pairs(labels, metrics.confusion)
    if worst:
        lines.append(_("Mixed up most: {pairs}.", pairs=", ".join(worst)))
    return lines


def worst_pairs(labels: Sequence[str], confusion: Sequence[Sequence[int]], *, most: int = WORST) -> list[str]:
    """What is taken for what most often, such as "Parasol for Death cap 3 ×"."""
    pairs = [
        (count, i, j) for i, row in enumerate(confusion) for j, count in enumerate(row) if i != j and count
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    return [
        _("{label} for {other} {count:,} ×", label=shown(labels[i]), other=shown(labels[j]), count=count)
        for count, i, j in pairs[:most]
    ]


async def confusion_picture(painter: Painter, model: ModelFacts, manifest: Manifest) -> list[discord.File]:
    """The matrix; no file where none is known, or where it would be too small to read."""
    metrics, labels = manifest.metrics, manifest.labels
    if metrics is None or len(labels) > MOST_DRAWN:
        return []
    card = ConfusionCard(
        title=model_name(model),
        subtitle=_(
            "{share} of {tested:,} images it never saw are right",
            share=percent(metrics.accuracy),
            tested=metrics.tested,
        ),
        labels=labels,
        counts=metrics.confusion,
    )
    none = _("none")
    rows = "; ".join(
        f"{label}: {', '.join(f'{count} {labels[j]}' for j, count in enumerate(row) if count) or none}"
        for label, row in zip(labels, metrics.confusion, strict=True)
    )
    alt = _(
        "Confusion matrix of {model}, what images show and what they were taken for. {rows}",
        model=model_name(model),
        rows=rows,
    )
    return await picture(painter, card, theme=model.theme, name=PICTURE, alt=alt)


async def trained_reply(painter: Painter, model: ModelFacts, manifest: Manifest) -> Reply:
    """What came of a training, with a button that publishes it."""
    embed = discord.Embed(title=_("{model} is trained", model=shown(model_name(model))), colour=COLOUR)
    lines = metric_lines(manifest.labels, manifest.metrics) if manifest.metrics is not None else []
    lines += [f"- {shown(remark, most=300)}" for remark in manifest.data.remarks]
    lines.append(_("It is a draft: nobody’s `/classify` asks it before an organizer presses Publish."))
    embed.description = "\n".join(fitting(lines, room=LINES_ROOM))
    files = await confusion_picture(painter, model, manifest)
    if files:
        embed.set_image(url=f"attachment://{files[0].filename}")
    return Reply(embeds=[embed], files=files, view=buttons(publish_button(model)))


def publish_button(model: ModelFacts) -> DurableButton:
    assert model.version_id is not None  # noqa: S101 (the bot's own models need no publishing)
    return DurableButton(
        FEATURE, model.version_id, PUBLISH, label=_("Publish"), style=discord.ButtonStyle.primary
    )


def cancel_button(training_id: int) -> DurableButton:
    return DurableButton(TRAINING, training_id, CANCEL, label=_("Cancel"), style=discord.ButtonStyle.danger)


def option_label(model: ModelFacts) -> str:
    """A model in a list that Discord suggests, at most 100 characters."""
    if model.number is None:
        return _("{model} (comes with me)", model=model.name)[:100]
    state = "" if model.is_active or model.state is None else f", {_(STATES[model.state])}"
    return f"{model_name(model)}{state} · {model.group}"[:100]


def option_value(model: ModelFacts) -> str:
    """What the suggestion sends: a version's id, which nothing changes, or the bot's own model's name."""
    return model.name if model.version_id is None else str(model.version_id)


def done_button(version_id: int, *, delivery: int | None, disabled: bool = False) -> DurableButton:
    return DurableButton(FEATURE, version_id, DONE, label=_("Done"), delivery=delivery, disabled=disabled)


def published_words(model: ModelFacts) -> str:
    return _(
        "**{model}** is published: `/classify` asks it in **{group}** from now on.",
        model=shown(model_name(model)),
        group=shown(model.group or ""),
    )


def retired_words(model: ModelFacts) -> str:
    return _(
        "**{model}** is retired: `/classify` does not ask it any more. "
        "`/model publish` brings any of its versions back.",
        model=shown(model_name(model)),
    )


def feedback_words(export: TrainingSet) -> str:
    """What the file holds, and what it does not."""
    labels = fitting(
        [f"{shown(label)} {number(count)}" for label, count in export.labels.items()], room=1000, between=", "
    )
    words, left = ", ".join(labels), len(export.labels) - len(labels)
    if left:
        words = _("{some} and {left} more labels", some=words, left=left)
    sentences = [
        _(
            "**{model}**: {pictures} that members let you keep ({labels}), and a table of all {corrections}.",
            model=shown(model_name(export.model)),
            pictures=counted(export.pictures, "picture"),
            labels=words,
            corrections=counted(export.answers, "correction"),
        )
    ]
    if export.conflicting:
        pictures = counted(export.conflicting, "picture")
        sentences.append(_("Left out because members disagree: {pictures}.", pictures=pictures))
    if export.left_out:
        pictures = counted(export.left_out, "picture")
        sentences.append(_("No room in one file for {pictures} more.", pictures=pictures))
    return " ".join(sentences)


def damage_words(damaged: ModelFacts, instead: ModelFacts | None) -> str:
    if instead is None:
        meanwhile = _(
            "No other version of it can answer; train it again, or restore its files from your backup."
        )
    else:
        meanwhile = _("**{model}** answers in its place.", model=shown(model_name(instead)))
    return _(
        "The files of **{model}** in **{group}** are damaged (`{damage}`), so it is not used any more. "
        "{meanwhile}",
        model=shown(model_name(damaged)),
        group=shown(damaged.group or ""),
        damage=code(damaged.damage or "unknown"),
        meanwhile=meanwhile,
    )


def progress_reply(training: TrainingFacts, progress: Progress | None) -> Reply:
    """A training at work: what it does now, how much of all is done, how well it does so far."""
    lines = [
        _(
            "{member} trains **{model}** for **{group}**.",
            member=f"<@{training.asked_by}>",
            model=shown(training.name),
            group=shown(training.group),
        )
    ]
    if progress is None:
        lines.append(" ".join([progress_bar(0), _("Fetching the images.")]))
    else:
        lines.append(f"{progress_bar(share_done(progress))} {step_words(progress)}")
    return Reply("\n".join(lines), view=buttons(cancel_button(training.training_id)))


def step_words(progress: Progress) -> str:
    """What it does at the moment, and how well it does so far."""
    words = [_(STAGES[progress.stage])]
    if progress.loss is not None:
        words.append(_("loss {loss:.2f}", loss=progress.loss))
    if progress.accuracy is not None:
        words.append(_("{share} right so far", share=percent(progress.accuracy)))
    if progress.seconds_left is not None:
        words.append(_("about {time} left", time=counted_seconds(round(progress.seconds_left))))
    return ", ".join(words) + "."


def share_done(progress: Progress) -> float:
    """Of the whole training, 0 to 1."""
    start, end = SHARES[progress.stage]
    return start + (end - start) * (min(progress.done / progress.of, 1) if progress.of else 0)


def progress_bar(share: float) -> str:
    filled = min(max(round(BAR * share), 0), BAR)
    return f"`{'█' * filled}{'░' * (BAR - filled)}`"


def cancelled_words(training: TrainingFacts, *, by: int) -> str:
    return _(
        "The training of **{model}** was cancelled by {member}. What members use stays as it is.",
        model=shown(training.name),
        member=f"<@{by}>",
    )


def failed_words(training: TrainingFacts, error: StudyError) -> str:
    name, why = shown(training.name), wording(error)
    return _("The training of **{model}** brought no model. {why}", model=name, why=why)


def interrupted_words(training: TrainingFacts) -> str:
    return _(
        "The training of **{model}** was interrupted when I was restarted. "
        "`/model train` begins it anew; what members use stays as it is.",
        model=shown(training.name),
    )
