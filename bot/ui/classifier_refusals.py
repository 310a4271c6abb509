"""Words for what went wrong with pictures, models and training: the part of `bot.ui.errors` about them."""

from collections.abc import Mapping

from bot import errors
from bot.errors import ImageFault, StudyError, TrainingFault
from bot.ui.text import listed, megabytes, shown

KINDS = "JPEG, PNG, WebP or GIF"

_IMAGES: Mapping[ImageFault, str] = {
    ImageFault.EMPTY: "That file is empty. Attach the picture once more.",
    ImageFault.NOT_AN_IMAGE: f"That file is no image I can read. Attach a {KINDS}.",
    ImageFault.TOO_MANY_BYTES: "That image is bigger than {bytes}. Make it smaller and attach it again.",
    ImageFault.TOO_MANY_PIXELS: (
        "That image has more than {millions:g} million pixels. Make it smaller and attach it again."
    ),
    ImageFault.TOO_LONG: "A side of that image is longer than {limit:,} pixels. Make it smaller first.",
    ImageFault.TOO_NARROW: (
        "That image is more than {limit:,} times as long as it is wide. Cut out the part that matters."
    ),
    ImageFault.DAMAGED: "That image is damaged or incomplete. Save it anew and attach that.",
    ImageFault.TOO_SLOW: "Reading that image takes too long. Save it as a smaller JPEG and attach that.",
    ImageFault.TOO_MUCH_MEMORY: "Reading that image needs too much memory. Make it smaller first.",
}
_LAYOUT = "A training set is a `.zip` with a folder per label, and its images in them."
_SETS: Mapping[TrainingFault, str] = {
    TrainingFault.NOT_A_ZIP: f"That file is no `.zip`. {_LAYOUT}",
    TrainingFault.DAMAGED: "That `.zip` is damaged. Pack the folders once more and attach that.",
    TrainingFault.TOO_LARGE: (
        "That `.zip` is too large, or unpacks to more than I take. Use fewer or smaller images; "
        "256 pixels a side are enough."
    ),
    TrainingFault.TOO_MANY_IMAGES: "That training set has more than {limit:,} images. Leave some out.",
    TrainingFault.NO_IMAGES: f"There is no image in that training set. {_LAYOUT}",
    TrainingFault.ONE_LABEL: (
        "That training set has images for only one label{names}. A model needs at least two to tell apart."
    ),
    TrainingFault.TOO_MANY_LABELS: "That training set has more than {limit:,} labels. Leave some out.",
    TrainingFault.TOO_FEW_IMAGES: (
        "Each label needs at least {limit:,} different images, and these have fewer{names}. "
        "Add some, or leave the label out."
    ),
    TrainingFault.BAD_LABEL: (
        "These folders can't be labels{names}. A label is short, and has at least one letter or digit."
    ),
    TrainingFault.ENCRYPTED: "That `.zip` has a password. Pack the folders again without one.",
}


def wording(error: StudyError) -> str | None:
    """One sentence on what was wrong, one on what to do instead; None for what is not about pictures,
    models or training.
    """
    match error:
        case errors.ImageRefused(fault=fault, limit=limit):
            limit = limit or 0
            return _IMAGES[fault].format(bytes=megabytes(limit), millions=limit / 1e6, limit=limit)
        case errors.NoImage():
            return (
                f"That message has no picture I can look at. Choose one with a {KINDS} attached, "
                "or use `/classify`."
            )
        case errors.ClassifierOff(text=text):
            return f"I can't look at pictures here. For whoever runs me: {sentence(text)}"
        case errors.ClassifierWarmingUp():
            return "I am still warming up. Try again in a few seconds."
        case errors.ClassifierBusy(seconds=seconds):
            return f"I am busy with other pictures. Try again in about {counted_seconds(seconds)}."
        case errors.ClassifierLost():
            return "Something broke while I looked at that picture. Try once more, or with another picture."
        case errors.ClassifiedTooOften(seconds=seconds, is_member=True):
            return f"That is many pictures at once. Try again in {counted_seconds(seconds)}."
        case errors.ClassifiedTooOften(seconds=seconds):
            return (
                "This server has asked about many pictures in the last minute. "
                f"Try again in {counted_seconds(seconds)}."
            )
        case errors.ModelDamaged(name=name):
            return (
                f"The files of “{shown(name)}” are damaged, so I don’t use them. An organizer can publish "
                "an earlier version with `/model publish`, or train a new one."
            )
        case errors.ModelMissing(name=name):
            return (
                f"The files of “{shown(name)}” are not where I run. An organizer can publish another version "
                "with `/model publish`, or train a new one."
            )
        case errors.UnknownModel(typed=typed, names=()):
            return f"There is no model “{shown(typed)}” here. `/model list` shows those that there are."
        case errors.UnknownModel(typed=typed, names=names):
            return f"There is no model “{shown(typed)}” here. The models are: {listed(names)}."
        case errors.UnknownPrediction():
            return "This answer is not known any more. Classify the picture once more."
    return _model_words(error)


def _model_words(error: StudyError) -> str | None:
    """What is said to organizers, for the most part."""
    match error:
        case errors.ModelNameTaken(name=name):
            return f"“{shown(name)}” is the name of the model that comes with me. Choose another name."
        case errors.BadModelName(name=name, limit=limit):
            return (
                f"“{shown(name)}” can’t be a model’s name. Choose one of at most {limit} letters, digits, "
                "spaces and hyphens, such as `mushrooms`; the version is counted by itself."
            )
        case errors.NotPublished(name=name):
            return f"No version of “{shown(name)}” is published, so there is nothing to retire."
        case errors.AlreadyPublished(name=name, number=number):
            return f"“{shown(name)}” v{number} is published already. `/model list` shows its other versions."
        case errors.NoFeedback(name=name):
            return (
                f"There is nothing of “{shown(name)}” to learn from yet: nobody pressed Right or Wrong "
                "under one of its answers and let me keep the picture."
            )
        case errors.TooMuchFeedback(limit=limit):
            return (
                f"This server keeps {megabytes(limit)} of pictures for training, which is the most. "
                "Your answer counts without its picture, if you leave the box unticked."
            )
        case errors.BadTrainingSet(fault=fault, names=names, limit=limit):
            return _SETS[fault].format(names=f": {listed(names)}" if names else "", limit=limit or 0)
        case errors.NothingToTrainOn():
            return (
                "Attach a `.zip` with a folder per label as `images`, or name a model in `base` "
                "whose feedback I can learn from."
            )
        case errors.TrainingOff(text=text):
            return f"I can’t train models here. For whoever runs me: {sentence(text)}"
        case errors.TrainingBusy():
            return "Another model is being trained at the moment. Try again when it is done."
        case errors.NoBackbone(architecture=architecture, file=file, folder=folder):
            return (
                f"The weights that {shown(architecture, most=40)} begins with are not here, and can’t be "
                f"downloaded. Whoever runs me can put `{code(file, most=80)}` into `{code(folder)}`; "
                "or name one of your models in `base`."
            )
        case errors.TrainingFailed(text=text):
            return (
                f"The training ended by itself: `{code(text)}`. Nothing was published; "
                "what members use stays as it is."
            )
        case errors.TrainingGone():
            return "This training is over, or belongs to another server. `/model list` shows what came of it."
    return None


def counted_seconds(seconds: int) -> str:
    seconds = max(seconds, 1)
    if seconds < 90:
        return "a second" if seconds == 1 else f"{seconds} seconds"
    return f"{round(seconds / 60)} minutes"


def code(text: str, *, most: int = 200) -> str:
    """One line that can stand between backticks."""
    line = " ".join(text.split()).replace("`", "ˋ")
    return line if len(line) <= most else "…" + line[1 - most :]


def sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "?", "`")) else f"{text}."
