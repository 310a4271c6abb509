"""Words for what went wrong with flashcards: the part of `bot.ui.errors` about cards, reviews and files."""

from collections.abc import Mapping, Sequence

from bot import errors
from bot.errors import StudyError
from bot.errors import decks as files
from bot.errors.decks import Damage, Measure
from bot.ui.text import listed, megabytes, person, shown

_MEASURES: Mapping[Measure, str] = {
    Measure.ENTRIES: "{limit:,} files inside it",
    Measure.NOTES: "{limit:,} notes",
    Measure.CARDS: "{limit:,} cards",
    Measure.NOTE_TYPES: "{limit:,} note types",
    Measure.DECKS: "{limit:,} decks",
    Measure.TEXT: "{limit:,} characters of text",
    Measure.CELL: "{limit:,} characters in one field",
}
_DAMAGES: Mapping[Damage, str] = {
    Damage.ARCHIVE: "it is no package that can be unpacked",
    Damage.COLLECTION: "the collection inside cannot be read",
    Damage.NOTE_TYPES: "its note types cannot be read",
    Damage.DECKS: "its decks cannot be read",
    Damage.MEDIA_LIST: "its list of pictures cannot be read",
    Damage.READING: "reading it failed",
}


def wording(error: StudyError) -> str | None:
    """One sentence on what was wrong, one on what to do instead; None for what is not about flashcards."""
    match error:
        case errors.UnknownReview():
            return (
                "This review is somebody else’s, or its group is not yours any more. `/review` begins yours."
            )
        case errors.NothingToUndo():
            return (
                "There is no grade to take back: the last one was taken back already, or counted elsewhere."
            )
        case errors.UnknownDailyCard():
            return "This card was taken out of the deck, or its group is closed. `/review` has the others."
        case errors.NotSetAside():
            return "You have taken this card back already, so there is nothing to ask about it."
        case errors.UnknownDeck(typed=typed, names=()):
            return f"There is no deck “{shown(typed)}” here, nor any other. `/cards add` makes one."
        case errors.UnknownDeck(typed=typed, names=names):
            return f"There is no deck “{shown(typed)}” here. The decks are: {listed(names)}."
        case errors.UnknownCard(typed=typed):
            return (
                f"I can't find a card “{shown(typed)}” here. Pick one from the list that appears as you type."
            )
        case errors.CardGone():
            return "This card is not in the group’s decks any more. `/cards list` shows those that are."
        case errors.CardChanged(author_id=author_id):
            return (
                f"<@{author_id}> has changed this card since you looked at it. Look at its new words, "
                "then press Approve once more."
            )
        case errors.NotYourCard():
            return "Only its author and the group’s organizers can change this card."
        case errors.OwnCard():
            return "Nobody approves their own card. Another member of the group has to look at it."
        case errors.AlreadyApproved(approved_by=None):
            return "This card is in the deck already."
        case errors.AlreadyApproved(approved_by=int() as approved_by):
            return f"{person(approved_by)} has approved this card already."
        case errors.ImportedCard():
            return (
                "This card came from Anki, where one note can make several cards, so its words are changed "
                "there: change them in Anki, export the deck and `/cards import` it again. "
                "Its deck and lesson can be changed here."
            )
        case errors.NoTextToUse():
            return "That message has no text to make a card of. Choose another one, or use `/cards add`."
        case errors.ImportForOrganizers(group=group):
            return (
                f"In “{shown(group)}” every card is looked at before it joins the deck, so only organizers "
                "import whole decks. `/cards add` writes single cards."
            )
        case errors.TooManyNotes(there=there, wanted=wanted, limit=limit):
            return (
                f"The group has {there:,} notes, and {wanted:,} more would go beyond the {limit:,} "
                "it may have. Import a smaller deck."
            )
        case errors.TooManyPictures(there=there, wanted=wanted, limit=limit):
            return (
                f"The group has {megabytes(there)} of pictures, and {megabytes(wanted)} more would go beyond "
                f"the {megabytes(limit)} it may have. Export the deck without media and import that."
            )
        case errors.NoStarterDeck(group=group, course=None):
            return (
                f"“{shown(group)}” follows no course yet, so there is no deck for it. "
                "The prerequisites, such as derivatives and matrix products, suit every group."
            )
        case errors.NoStarterDeck(course=str() as course):
            return (
                f"No deck comes with **{shown(course)}**. "
                "The prerequisites, such as derivatives and matrix products, suit every group."
            )
        case errors.EmptyDeck(name=name):
            return f"“{shown(name)}” has no card to export. Cards that wait for approval are not in it yet."
        case errors.FileTooLarge(limit=limit, pictures=True):
            return (
                f"With its pictures this deck is larger than the {megabytes(limit)} that Discord takes. "
                "`/cards export pictures:False` leaves them out."
            )
        case errors.FileTooLarge(limit=limit):
            return (
                f"This deck is larger than the {megabytes(limit)} that Discord takes. "
                "`/cards edit deck:` moves cards to smaller decks."
            )
        case errors.DeckWriterBusy():
            return "Another deck is being written at the moment. Try again in a few seconds."
    return _file_words(error)


def _file_words(error: StudyError) -> str | None:
    """Why nothing of a file was taken."""
    match error:
        case files.UnknownDeckFile(name=name, endings=endings):
            return f"“{shown(name)}” is no file of cards. Attach one that ends in {_both(endings, ' or ')}."
        case files.WholeCollection():
            return (
                "A `.colpkg` is somebody’s whole collection. In Anki, choose Export, then "
                "“Anki Deck Package (.apkg)” for the one deck that the group is to have."
            )
        case files.DeckTooLarge(measure=Measure.FILE, limit=limit):
            return f"This file is larger than {megabytes(limit)}. Export fewer cards, or leave out the media."
        case files.DeckTooLarge(measure=measure, limit=limit) if measure in _MEASURES:
            most = _MEASURES[measure].format(limit=limit)
            return f"This file has more than {most}. Split it into smaller decks."
        case files.DeckTooLarge(measure=Measure.MEMORY):
            return "This file needs too much memory to be read. Split it into smaller decks."
        case files.DeckTooLarge(limit=limit):
            return f"Unpacked, this file is larger than {megabytes(limit)}. Split it, or leave out the media."
        case files.DeckDamaged(part=part):
            return f"Nothing was taken from this file: {_DAMAGES[part]}. Export it once more and try again."
        case files.DeckTooNew():
            return (
                "This file was written by a newer Anki than I know. In Anki’s export, tick "
                "“Support older Anki versions”."
            )
        case files.DeckTooSlow(seconds=seconds):
            return f"Reading this file took longer than {seconds} seconds. Split it into smaller decks."
        case files.NoCards(skipped=0):
            return "There is no card in this file."
        case files.NoCards(skipped=skipped):
            return f"There is no card in this file that could be shown; all {skipped:,} notes were left out."
        case files.WrongEncoding(line=line):
            return f"From line {line} on, this table is no text that I can read. Save it as UTF-8."
        case files.NoHeader(missing=missing, found=found):
            there = f" Its first row says: {shown(', '.join(found), most=200)}." if found else ""
            return (
                f"The first row of this table has to name its columns, and {_both(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} missing.{there} "
                "A header such as `front,back,tags,lesson,deck` works."
            )
        case files.ColumnTwice(name=name):
            return f"This table has two columns called `{name}`. Rename or remove one of them."
        case files.BrokenTable(line=line):
            return f"From line {line} on, the quotes of this table do not match. Save it as CSV once more."
        case files.ReadersBusy():
            return "Several files are being read at the moment. Try again in a minute."
    return None


def _both(names: Sequence[str], between: str = " and ") -> str:
    return between.join(f"`{name}`" for name in names)
