"""Words for what went wrong with pictures, models and training: the part of `bot.ui.errors` about them."""

from collections.abc import Mapping

from bot import errors
from bot.errors import ImageFault, StudyError, TrainingFault
from bot.locales import N_, _
from bot.ui.text import listed, megabytes, shown

_IMAGES: Mapping[ImageFault, str] = {
    ImageFault.EMPTY: N_("That file is empty. Attach the picture once more."),
    ImageFault.NOT_AN_IMAGE: N_("That file is no image I can read. Attach a JPEG, PNG, WebP or GIF."),
    ImageFault.TOO_MANY_BYTES: N_("That image is bigger than {size}. Make it smaller and attach it again."),
    ImageFault.TOO_MANY_PIXELS: N_(
        "That image has more than {millions:g} million pixels. Make it smaller and attach it again."
    ),
    ImageFault.TOO_LONG: N_("A side of that image is longer than {limit:,} pixels. Make it smaller first."),
    ImageFault.TOO_NARROW: N_(
        "That image is more than {limit:,} times as long as it is wide. Cut out the part that matters."
    ),
    ImageFault.DAMAGED: N_("That image is damaged or incomplete. Save it anew and attach that."),
    ImageFault.TOO_SLOW: N_("Reading that image takes too long. Save it as a smaller JPEG and attach that."),
    ImageFault.TOO_MUCH_MEMORY: N_("Reading that image needs too much memory. Make it smaller first."),
}
_SETS: Mapping[TrainingFault, str] = {
    TrainingFault.NOT_A_ZIP: N_(
        "That file is no `.zip`. A training set is a `.zip` with a folder per label, and its images in them."
    ),
    TrainingFault.DAMAGED: N_("That `.zip` is damaged. Pack the folders once more and attach that."),
    TrainingFault.TOO_LARGE: N_(
        "That `.zip` is too large, or unpacks to more than I take. Use fewer or smaller images; "
        "256 pixels a side are enough."
    ),
    TrainingFault.TOO_MANY_IMAGES: N_("That training set has more than {limit:,} images. Leave some out."),
    TrainingFault.NO_IMAGES: N_(
        "There is no image in that training set. "
        "A training set is a `.zip` with a folder per label, and its images in them."
    ),
    TrainingFault.ONE_LABEL: N_(
        "That training set has images for only one label{names}. A model needs at least two to tell apart."
    ),
    TrainingFault.TOO_MANY_LABELS: N_("That training set has more than {limit:,} labels. Leave some out."),
    TrainingFault.TOO_FEW_IMAGES: N_(
        "Each label needs at least {limit:,} different images, and these have fewer{names}. "
        "Add some, or leave the label out."
    ),
    TrainingFault.BAD_LABEL: N_(
        "These folders can't be labels{names}. A label is short, and has at least one letter or digit."
    ),
    TrainingFault.ENCRYPTED: N_("That `.zip` has a password. Pack the folders again without one."),
}


def wording(error: StudyError) -> str | None:
    """One sentence on what was wrong, one on what to do instead; None for what is not about pictures,
    models or training.
    """
    return _picture_words(error) or _model_words(error) or _training_words(error)


def _picture_words(error: StudyError) -> str | None:
    match error:
        case errors.ImageRefused(fault=fault, limit=limit):
            limit = limit or 0
            return _(_IMAGES[fault], size=megabytes(limit), millions=limit / 1e6, limit=limit)
        case errors.NoImage():
            return _(
                "That message has no picture I can look at. Choose one with a JPEG, PNG, WebP or GIF "
                "attached, or use `/classify`."
            )
        case errors.ClassifierOff(text=text):
            return _("I can't look at pictures here. For whoever runs me: {why}", why=sentence(text))
        case errors.ClassifierWarmingUp():
            return _("I am still warming up. Try again in a few seconds.")
        case errors.ClassifierBusy(seconds=seconds):
            return _(
                "I am busy with other pictures. Try again in about {time}.", time=counted_seconds(seconds)
            )
        case errors.ClassifierLost():
            return _(
                "Something broke while I looked at that picture. Try once more, or with another picture."
            )
        case errors.ClassifiedTooOften(seconds=seconds, is_member=True):
            return _("That is many pictures at once. Try again in {time}.", time=counted_seconds(seconds))
        case errors.ClassifiedTooOften(seconds=seconds):
            return _(
                "This server has asked about many pictures in the last minute. Try again in {time}.",
                time=counted_seconds(seconds),
            )
        case errors.UnknownPrediction():
            return _("This answer is not known any more. Classify the picture once more.")
    return None


def _model_words(error: StudyError) -> str | None:
    match error:
        case errors.ModelDamaged(name=name):
            return _(
                "The files of “{name}” are damaged, so I don’t use them. An organizer can publish "
                "an earlier version with `/model publish`, or train a new one.",
                name=shown(name),
            )
        case errors.ModelMissing(name=name):
            return _(
                "The files of “{name}” are not where I run. An organizer can publish another version "
                "with `/model publish`, or train a new one.",
                name=shown(name),
            )
        case errors.UnknownModel(typed=typed, names=()):
            return _(
                "There is no model “{typed}” here. `/model list` shows those that there are.",
                typed=shown(typed),
            )
        case errors.UnknownModel(typed=typed, names=names):
            return _(
                "There is no model “{typed}” here. The models are: {names}.",
                typed=shown(typed),
                names=listed(names),
            )
        case errors.ModelNameTaken(name=name):
            return _(
                "“{name}” is the name of the model that comes with me. Choose another name.",
                name=shown(name),
            )
        case errors.BadModelName(name=name, limit=limit):
            return _(
                "“{name}” can’t be a model’s name. Choose one of at most {limit} letters, digits, "
                "spaces and hyphens, such as `mushrooms`; the version is counted by itself.",
                name=shown(name),
                limit=limit,
            )
        case errors.NotPublished(name=name):
            return _("No version of “{name}” is published, so there is nothing to retire.", name=shown(name))
        case errors.AlreadyPublished(name=name, number=number):
            return _(
                "“{name}” v{number} is published already. `/model list` shows its other versions.",
                name=shown(name),
                number=number,
            )
    return None


def _training_words(error: StudyError) -> str | None:
    """What is said to organizers."""
    match error:
        case errors.NoFeedback(name=name):
            return _(
                "There is nothing of “{name}” to learn from yet: nobody pressed Right or Wrong "
                "under one of its answers and let me keep the picture.",
                name=shown(name),
            )
        case errors.TooMuchFeedback(limit=limit):
            return _(
                "This server keeps {size} of pictures for training, which is the most. "
                "Your answer counts without its picture, if you leave the box unticked.",
                size=megabytes(limit),
            )
        case errors.BadTrainingSet(fault=fault, names=names, limit=limit):
            return _(_SETS[fault], names=f": {listed(names)}" if names else "", limit=limit or 0)
        case errors.NothingToTrainOn():
            return _(
                "Attach a `.zip` with a folder per label as `images`, or name a model in `base` "
                "whose feedback I can learn from."
            )
        case errors.TrainingOff(text=text):
            return _("I can’t train models here. For whoever runs me: {why}", why=sentence(text))
        case errors.TrainingBusy():
            return _("Another model is being trained at the moment. Try again when it is done.")
        case errors.NoBackbone(architecture=architecture, file=file, folder=folder):
            return _(
                "The weights that {architecture} begins with are not here, and can’t be "
                "downloaded. Whoever runs me can put `{file}` into `{folder}`; "
                "or name one of your models in `base`.",
                architecture=shown(architecture, most=40),
                file=code(file, most=80),
                folder=code(folder),
            )
        case errors.TrainingFailed(text=text):
            return _(
                "The training ended by itself: `{why}`. Nothing was published; "
                "what members use stays as it is.",
                why=code(text),
            )
        case errors.TrainingGone():
            return _(
                "This training is over, or belongs to another server. `/model list` shows what came of it."
            )
    return None


def counted_seconds(seconds: int) -> str:
    """In seconds, or in minutes where those would be many."""
    seconds = max(seconds, 1)
    if seconds < 90:
        return _("a second") if seconds == 1 else _("{seconds} seconds", seconds=seconds)
    return _("{minutes} minutes", minutes=round(seconds / 60))


def code(text: str, *, most: int = 200) -> str:
    """One line that can stand between backticks."""
    line = " ".join(text.split()).replace("`", "ˋ")
    return line if len(line) <= most else "…" + line[1 - most :]


def sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "?", "`")) else f"{text}."
