"""Words for what went wrong with flashcards: the part of `bot.ui.errors` about cards, reviews and files."""

from collections.abc import Mapping, Sequence

from bot import errors
from bot.errors import StudyError
from bot.errors import decks as files
from bot.errors.decks import Damage, Measure
from bot.locales import N_, _, ngettext
from bot.ui.text import all_of, listed, megabytes, one_of, person, shown

# What is too many of what, as a whole sentence: languages bend their nouns here.
_MEASURES: Mapping[Measure, str] = {
    Measure.ENTRIES: N_("This file has more than {limit:,} files inside it. Split it into smaller decks."),
    Measure.NOTES: N_("This file has more than {limit:,} notes. Split it into smaller decks."),
    Measure.CARDS: N_("This file has more than {limit:,} cards. Split it into smaller decks."),
    Measure.NOTE_TYPES: N_("This file has more than {limit:,} note types. Split it into smaller decks."),
    Measure.DECKS: N_("This file has more than {limit:,} decks. Split it into smaller decks."),
    Measure.TEXT: N_("This file has more than {limit:,} characters of text. Split it into smaller decks."),
    Measure.CELL: N_(
        "This file has more than {limit:,} characters in one field. Split it into smaller decks."
    ),
}
_DAMAGES: Mapping[Damage, str] = {
    Damage.ARCHIVE: N_("it is no package that can be unpacked"),
    Damage.COLLECTION: N_("the collection inside cannot be read"),
    Damage.NOTE_TYPES: N_("its note types cannot be read"),
    Damage.DECKS: N_("its decks cannot be read"),
    Damage.MEDIA_LIST: N_("its list of pictures cannot be read"),
    Damage.READING: N_("reading it failed"),
}


def wording(error: StudyError) -> str | None:
    """One sentence on what was wrong, one on what to do instead; None for what is not about flashcards."""
    return _review_words(error) or _card_words(error) or _deck_words(error) or _file_words(error)


def _review_words(error: StudyError) -> str | None:
    match error:
        case errors.UnknownReview():
            return _(
                "This review is somebody else’s, or its group is not yours any more. `/review` begins yours."
            )
        case errors.NothingToUndo():
            return _(
                "There is no grade to take back: the last one was taken back already, or counted elsewhere."
            )
        case errors.UnknownDailyCard():
            return _("This card was taken out of the deck, or its group is closed. `/review` has the others.")
        case errors.NotSetAside():
            return _("You have taken this card back already, so there is nothing to ask about it.")
    return None


def _card_words(error: StudyError) -> str | None:
    match error:
        case errors.UnknownCard(typed=typed):
            return _(
                "I can't find a card “{typed}” here. Pick one from the list that appears as you type.",
                typed=shown(typed),
            )
        case errors.CardGone():
            return _("This card is not in the group’s decks any more. `/cards list` shows those that are.")
        case errors.CardChanged(author_id=author_id):
            return _(
                "<@{author_id}> has changed this card since you looked at it. Look at its new words, "
                "then press Approve once more.",
                author_id=author_id,
            )
        case errors.NotYourCard():
            return _("Only its author and the group’s organizers can change this card.")
        case errors.OwnCard():
            return _("Nobody approves their own card. Another member of the group has to look at it.")
        case errors.AlreadyApproved(approved_by=None):
            return _("This card is in the deck already.")
        case errors.AlreadyApproved(approved_by=int() as approved_by):
            return _("{person} has approved this card already.", person=person(approved_by))
        case errors.ImportedCard():
            return _(
                "This card came from Anki, where one note can make several cards, so its words are changed "
                "there: change them in Anki, export the deck and `/cards import` it again. "
                "Its deck and lesson can be changed here."
            )
        case errors.NoTextToUse():
            return _("That message has no text to make a card of. Choose another one, or use `/cards add`.")
    return None


def _deck_words(error: StudyError) -> str | None:
    match error:
        case errors.UnknownDeck(typed=typed, names=()):
            return _(
                "There is no deck “{typed}” here, nor any other. `/cards add` makes one.", typed=shown(typed)
            )
        case errors.UnknownDeck(typed=typed, names=names):
            return _(
                "There is no deck “{typed}” here. The decks are: {names}.",
                typed=shown(typed),
                names=listed(names),
            )
        case errors.ImportForOrganizers(group=group):
            return _(
                "In “{group}” every card is looked at before it joins the deck, so only organizers "
                "import whole decks. `/cards add` writes single cards.",
                group=shown(group),
            )
        case errors.TooManyNotes(there=there, wanted=wanted, limit=limit):
            return _(
                "The group has {there:,} notes, and {wanted:,} more would go beyond the {limit:,} "
                "it may have. Import a smaller deck.",
                there=there,
                wanted=wanted,
                limit=limit,
            )
        case errors.TooManyPictures(there=there, wanted=wanted, limit=limit):
            return _(
                "The group has {there} of pictures, and {wanted} more would go beyond "
                "the {limit} it may have. Export the deck without media and import that.",
                there=megabytes(there),
                wanted=megabytes(wanted),
                limit=megabytes(limit),
            )
        case errors.NoStarterDeck(group=group, course=None):
            return _(
                "“{group}” follows no course yet, so there is no deck for it. "
                "The prerequisites, such as derivatives and matrix products, suit every group.",
                group=shown(group),
            )
        case errors.NoStarterDeck(course=str() as course):
            return _(
                "No deck comes with **{course}**. "
                "The prerequisites, such as derivatives and matrix products, suit every group.",
                course=shown(course),
            )
        case errors.EmptyDeck(name=name):
            return _(
                "“{name}” has no card to export. Cards that wait for approval are not in it yet.",
                name=shown(name),
            )
        case errors.FileTooLarge(limit=limit, pictures=True):
            return _(
                "With its pictures this deck is larger than the {size} that Discord takes. "
                "`/cards export pictures:False` leaves them out.",
                size=megabytes(limit),
            )
        case errors.FileTooLarge(limit=limit):
            return _(
                "This deck is larger than the {size} that Discord takes. "
                "`/cards edit deck:` moves cards to smaller decks.",
                size=megabytes(limit),
            )
        case errors.DeckWriterBusy():
            return _("Another deck is being written at the moment. Try again in a few seconds.")
    return None


def _file_words(error: StudyError) -> str | None:
    """Why nothing of a file was taken."""
    match error:
        case files.UnknownDeckFile(name=name, endings=endings):
            return _(
                "“{name}” is no file of cards. Attach one that ends in {endings}.",
                name=shown(name),
                endings=one_of(_as_code(endings)),
            )
        case files.WholeCollection():
            return _(
                "A `.colpkg` is somebody’s whole collection. In Anki, choose Export, then "
                "“Anki Deck Package (.apkg)” for the one deck that the group is to have."
            )
        case files.DeckTooLarge(measure=Measure.FILE, limit=limit):
            return _(
                "This file is larger than {size}. Export fewer cards, or leave out the media.",
                size=megabytes(limit),
            )
        case files.DeckTooLarge(measure=measure, limit=limit) if measure in _MEASURES:
            return _(_MEASURES[measure], limit=limit)
        case files.DeckTooLarge(measure=Measure.MEMORY):
            return _("This file needs too much memory to be read. Split it into smaller decks.")
        case files.DeckTooLarge(limit=limit):
            return _(
                "Unpacked, this file is larger than {size}. Split it, or leave out the media.",
                size=megabytes(limit),
            )
        case files.DeckDamaged(part=part):
            return _(
                "Nothing was taken from this file: {why}. Export it once more and try again.",
                why=_(_DAMAGES[part]),
            )
        case files.DeckTooNew():
            return _(
                "This file was written by a newer Anki than I know. In Anki’s export, tick "
                "“Support older Anki versions”."
            )
        case files.DeckTooSlow(seconds=seconds):
            return _(
                "Reading this file took longer than {seconds} seconds. Split it into smaller decks.",
                seconds=seconds,
            )
        case files.NoCards(skipped=0):
            return _("There is no card in this file.")
        case files.NoCards(skipped=skipped):
            return _(
                "There is no card in this file that could be shown; all {skipped:,} notes were left out.",
                skipped=skipped,
            )
    return _table_words(error)


def _table_words(error: StudyError) -> str | None:
    """Why nothing of a table was taken."""
    match error:
        case files.WrongEncoding(line=line):
            return _(
                "From line {line} on, this table is no text that I can read. Save it as UTF-8.", line=line
            )
        case files.NoHeader(missing=missing, found=found):
            wrong = ngettext(
                "The first row of this table has to name its columns, and {names} is missing.",
                "The first row of this table has to name its columns, and {names} are missing.",
                len(missing),
                names=all_of(_as_code(missing)),
            )
            row = shown(", ".join(found), most=200)
            there = [_("Its first row says: {row}.", row=row)] if found else []
            return " ".join([wrong, *there, _("A header such as `front,back,tags,lesson,deck` works.")])
        case files.ColumnTwice(name=name):
            return _("This table has two columns called `{name}`. Rename or remove one of them.", name=name)
        case files.BrokenTable(line=line):
            return _(
                "From line {line} on, the quotes of this table do not match. Save it as CSV once more.",
                line=line,
            )
        case files.ReadersBusy():
            return _("Several files are being read at the moment. Try again in a minute.")
    return None


def _as_code(names: Sequence[str]) -> list[str]:
    return [f"`{name}`" for name in names]
