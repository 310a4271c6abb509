"""What members see of models: the list, a model's card, a training at work and what came of it."""

from collections.abc import Sequence
from datetime import datetime

import discord

from bot.classifier.manifest import Manifest, Metrics
from bot.classifier.training.jobs import Progress, Stage
from bot.db.models import VersionState
from bot.errors import StudyError
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
from bot.ui.errors import date_and_time, relative, wording
from bot.ui.pictures import picture
from bot.ui.text import fitting, listed, shown

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
    Stage.READING: "Reading the images",
    Stage.FETCHING: "Fetching the weights to begin with",
    Stage.FINDING: "Looking for a good learning rate",
    Stage.TRAINING: "Training",
    Stage.TESTING: "Testing on images it never saw",
    Stage.WRITING: "Writing the model down",
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
    VersionState.DRAFT: "draft",
    VersionState.PUBLISHED: "published",
    VersionState.SUPERSEDED: "earlier",
    VersionState.RETIRED: "retired",
    VersionState.DAMAGED: "damaged",
}


def list_embed(models: Sequence[ModelFacts]) -> discord.Embed:
    """A server's models, a paragraph each: the version that answers, then the others."""
    embed = discord.Embed(title="Models", colour=COLOUR)
    families: dict[tuple[int | None, str], list[ModelFacts]] = {}
    for model in models:
        families.setdefault((model.group_id, model.name), []).append(model)
    paragraphs = [_paragraph(versions) for versions in families.values()]
    kept = fitting(paragraphs, room=LINES_ROOM)
    if len(kept) < len(paragraphs):
        kept.append(f"and {len(paragraphs) - len(kept)} more")
    embed.description = "\n".join(kept)
    embed.set_footer(text="/classify asks one, /model info tells more, /model train makes another.")
    return embed


def _paragraph(versions: Sequence[ModelFacts]) -> str:
    first = versions[0]
    group = f" of {shown(first.group)}" if first.group is not None else ", comes with me"
    lines = [f"**{shown(first.name)}**{group}"]
    for model in versions:
        number = "" if model.number is None else f"v{model.number} "
        state = "" if model.state is None else f"{STATES[model.state]}, "
        share = "" if model.accuracy is None else f"{percent(model.accuracy)} of {model.tested:,} right, "
        lines.append(f"- {number}{state}{share}{len(model.labels)} labels")
    return "\n".join(lines)


async def info_reply(painter: Painter, model: ModelFacts, manifest: Manifest) -> Reply:
    """The model card, with its confusion matrix as a picture where that can be read."""
    embed = discord.Embed(title=shown(model_name(model)), colour=COLOUR)
    embed.description = "\n".join(_about(model, manifest))
    embed.add_field(name="Trained on", value=_data(manifest), inline=False)
    if manifest.metrics is not None:
        embed.add_field(
            name="On images it never saw",
            value="\n".join(metric_lines(manifest.labels, manifest.metrics)),
            inline=False,
        )
    remarks = fitting([f"- {shown(remark, most=300)}" for remark in manifest.data.remarks], room=1000)
    if remarks:
        embed.add_field(name="Remarks", value="\n".join(remarks), inline=False)
    embed.set_footer(text=f"sha256 {model.ref.digest}")
    files = await confusion_picture(painter, model, manifest)
    if files:
        embed.set_image(url=f"attachment://{files[0].filename}")
    return Reply(embeds=[embed], files=files)


def _about(model: ModelFacts, manifest: Manifest) -> list[str]:
    if model.group is None:
        lines = ["It comes with me."]
    else:
        state = STATES[model.state] if model.state is not None else ""
        since = (
            f" since {date_and_time(model.published_at)}" if model.is_active and model.published_at else ""
        )
        lines = [f"**{state.capitalize()}** in **{shown(model.group)}**{since}."]
    lines.append(f"**Labels:** {listed(model.labels, most=40)}")
    made_at = datetime.fromisoformat(manifest.origin.made_at)
    epochs = f", {manifest.origin.epochs} epochs" if manifest.origin.epochs else ""
    lines.append(
        f"**Made:** {date_and_time(made_at)} ({relative(made_at)}){epochs}, "
        f"from {shown(manifest.origin.base)}; {shown(', '.join(manifest.origin.versions))}"
    )
    lines.append(f"**Licence:** {shown(manifest.licence)}")
    return lines


def _data(manifest: Manifest) -> str:
    data = manifest.data
    counts = [f"{shown(label)} {count:,}" for label, count in data.images.items()]
    kept = fitting(counts, room=500, between=", ")
    left = f" and {len(counts) - len(kept)} more" if len(kept) < len(counts) else ""
    total = f"{sum(data.images.values()):,} images: {', '.join(kept)}{left}." if counts else "Unknown images."
    return f"{total}\n{shown(data.source, most=200)} Licence: {shown(data.licence)}"


def metric_lines(labels: Sequence[str], metrics: Metrics) -> list[str]:
    """How well it does, how far that can be relied on, how sure it is, and what it mixes up."""
    low, high = metrics.interval
    lines = [
        f"**{percent(metrics.accuracy)}** of {metrics.tested:,} right "
        f"(95 % interval: {percent(low)} to {percent(high)}).",
        f"It is sure of {percent(metrics.answered)} of them, "
        f"and {percent(metrics.answered_right)} of those are right."
        if metrics.answered
        else "It is not sure of any of them.",
        f"Its probabilities are off by {100 * metrics.ece:.1f} % on average "
        f"({100 * metrics.ece_before:.1f} % before calibration).",
    ]
    worst = worst_pairs(labels, metrics.confusion)
    if worst:
        lines.append(f"Mixed up most: {', '.join(worst)}.")
    return lines


def worst_pairs(labels: Sequence[str], confusion: Sequence[Sequence[int]], *, most: int = WORST) -> list[str]:
    """What is taken for what most often, such as "Parasol for Death cap 3 ×"."""
    pairs = [
        (count, i, j) for i, row in enumerate(confusion) for j, count in enumerate(row) if i != j and count
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    return [f"{shown(labels[i])} for {shown(labels[j])} {count:,} ×" for count, i, j in pairs[:most]]


async def confusion_picture(painter: Painter, model: ModelFacts, manifest: Manifest) -> list[discord.File]:
    """The matrix; no file where none is known, or where it would be too small to read."""
    metrics, labels = manifest.metrics, manifest.labels
    if metrics is None or len(labels) > MOST_DRAWN:
        return []
    card = ConfusionCard(
        title=model_name(model),
        subtitle=f"{percent(metrics.accuracy)} of {metrics.tested:,} images it never saw are right",
        labels=labels,
        counts=metrics.confusion,
    )
    rows = "; ".join(
        f"{label}: {', '.join(f'{count} {labels[j]}' for j, count in enumerate(row) if count) or 'none'}"
        for label, row in zip(labels, metrics.confusion, strict=True)
    )
    alt = f"Confusion matrix of {model_name(model)}, what images show and what they were taken for. {rows}"
    return await picture(painter, card, theme=model.theme, name=PICTURE, alt=alt)


async def trained_reply(painter: Painter, model: ModelFacts, manifest: Manifest) -> Reply:
    """What came of a training, with a button that publishes it."""
    embed = discord.Embed(title=f"{shown(model_name(model))} is trained", colour=COLOUR)
    lines = metric_lines(manifest.labels, manifest.metrics) if manifest.metrics is not None else []
    lines += [f"- {shown(remark, most=300)}" for remark in manifest.data.remarks]
    lines.append("It is a draft: nobody’s `/classify` asks it before an organizer presses Publish.")
    embed.description = "\n".join(fitting(lines, room=LINES_ROOM))
    files = await confusion_picture(painter, model, manifest)
    if files:
        embed.set_image(url=f"attachment://{files[0].filename}")
    return Reply(embeds=[embed], files=files, view=buttons(publish_button(model)))


def publish_button(model: ModelFacts) -> DurableButton:
    assert model.version_id is not None  # noqa: S101 (the bot's own models need no publishing)
    return DurableButton(
        FEATURE, model.version_id, PUBLISH, label="Publish", style=discord.ButtonStyle.primary
    )


def cancel_button(training_id: int) -> DurableButton:
    return DurableButton(TRAINING, training_id, CANCEL, label="Cancel", style=discord.ButtonStyle.danger)


def option_label(model: ModelFacts) -> str:
    """A model in a list that Discord suggests, at most 100 characters."""
    if model.number is None:
        return f"{model.name} (comes with me)"[:100]
    state = "" if model.is_active or model.state is None else f", {STATES[model.state]}"
    return f"{model_name(model)}{state} · {model.group}"[:100]


def option_value(model: ModelFacts) -> str:
    """What the suggestion sends: a version's id, which nothing changes, or the bot's own model's name."""
    return model.name if model.version_id is None else str(model.version_id)


def done_button(version_id: int, *, delivery: int | None, disabled: bool = False) -> DurableButton:
    return DurableButton(FEATURE, version_id, DONE, label="Done", delivery=delivery, disabled=disabled)


def published_words(model: ModelFacts) -> str:
    return (
        f"**{shown(model_name(model))}** is published: `/classify` asks it in **{shown(model.group or '')}** "
        "from now on."
    )


def retired_words(model: ModelFacts) -> str:
    return (
        f"**{shown(model_name(model))}** is retired: `/classify` does not ask it any more. "
        "`/model publish` brings any of its versions back."
    )


def feedback_words(export: TrainingSet) -> str:
    """What the file holds, and what it does not."""
    labels = fitting(
        [f"{shown(label)} {count:,}" for label, count in export.labels.items()], room=1000, between=", "
    )
    left = len(export.labels) - len(labels)
    more = f" and {left} more labels" if left else ""
    text = (
        f"**{shown(model_name(export.model))}**: {counted(export.pictures, 'picture')} that members let "
        f"you keep ({', '.join(labels)}{more}), and a table of all {counted(export.answers, 'correction')}."
    )
    if export.conflicting:
        text += f" Left out because members disagree: {counted(export.conflicting, 'picture')}."
    if export.left_out:
        text += f" No room in one file for {counted(export.left_out, 'picture')} more."
    return text


def damage_words(damaged: ModelFacts, instead: ModelFacts | None) -> str:
    meanwhile = (
        "No other version of it can answer; train it again, or restore its files from your backup."
        if instead is None
        else f"**{shown(model_name(instead))}** answers in its place."
    )
    return (
        f"The files of **{shown(model_name(damaged))}** in **{shown(damaged.group or '')}** are damaged "
        f"(`{code(damaged.damage or 'unknown')}`), so it is not used any more. {meanwhile}"
    )


def progress_reply(training: TrainingFacts, progress: Progress | None) -> Reply:
    """A training at work: what it does now, how much of all is done, how well it does so far."""
    lines = [f"<@{training.asked_by}> trains **{shown(training.name)}** for **{shown(training.group)}**."]
    if progress is None:
        lines.append(f"{progress_bar(0)} Fetching the images.")
    else:
        lines.append(f"{progress_bar(share_done(progress))} {step_words(progress)}")
    return Reply("\n".join(lines), view=buttons(cancel_button(training.training_id)))


def step_words(progress: Progress) -> str:
    """What it does at the moment, and how well it does so far."""
    words = [STAGES[progress.stage]]
    if progress.loss is not None:
        words.append(f"loss {progress.loss:.2f}")
    if progress.accuracy is not None:
        words.append(f"{percent(progress.accuracy)} right so far")
    if progress.seconds_left is not None:
        words.append(f"about {counted_seconds(round(progress.seconds_left))} left")
    return ", ".join(words) + "."


def share_done(progress: Progress) -> float:
    """Of the whole training, 0 to 1."""
    start, end = SHARES[progress.stage]
    return start + (end - start) * (min(progress.done / progress.of, 1) if progress.of else 0)


def progress_bar(share: float) -> str:
    filled = min(max(round(BAR * share), 0), BAR)
    return f"`{'█' * filled}{'░' * (BAR - filled)}`"


def cancelled_words(training: TrainingFacts, *, by: int) -> str:
    return (
        f"The training of **{shown(training.name)}** was cancelled by <@{by}>. "
        "What members use stays as it is."
    )


def failed_words(training: TrainingFacts, error: StudyError) -> str:
    return f"The training of **{shown(training.name)}** brought no model. {wording(error)}"


def interrupted_words(training: TrainingFacts) -> str:
    return (
        f"The training of **{shown(training.name)}** was interrupted when I was restarted. "
        "`/model train` begins it anew; what members use stays as it is."
    )
