"""How much of a file from outside is read; beyond it the file is refused, or the note or picture left out."""

MEBI = 2**20

# The whole file is refused.
FILE_BYTES = 25 * MEBI
#: Files inside the package; each costs memory before a byte of it is read.
ENTRIES = 20_000
COLLECTION_BYTES = 200 * MEBI
MEDIA_LIST_BYTES = 4 * MEBI
#: All pictures together, unpacked; pictures hardly shrink, so an honest file stays below its own size.
MEDIA_BYTES = 50 * MEBI
NOTES = 50_000
CARDS = 100_000
NOTE_TYPES = 1_000
DECKS = 5_000
#: Characters of all fields and sides that a package may come to.
TEXT_CHARACTERS = 32 * MEBI
#: One value in the collection; the largest honest one is the JSON of all note types.
CELL_BYTES = 8 * MEBI
#: Reading, from the unpacking to the last card.
SECONDS = 60
#: The worker is killed a little later, should it be stuck where it cannot look at the clock.
KILLED_AFTER = SECONDS + 10
#: Address space of the worker; of it, the interpreter and its libraries take about 60 MiB.
MEMORY_BYTES = 512 * MEBI

# The note, card or picture is left out, and the rest is read.
GUID_CHARACTERS = 64
#: All fields of a note together, and all that a template puts on one side.
NOTE_CHARACTERS = 2**16
SIDE_CHARACTERS = 2**16
#: A template by itself; those with scripts inside are long.
TEMPLATE_CHARACTERS = 2**18
#: A note of more cards is left out; each is rendered from the whole text.
NOTE_CARDS = 200
MEDIUM_BYTES = 8 * MEBI
MEDIUM_NAME_CHARACTERS = 255

# Between the worker and the bot. An honest answer stays far below; the worker is not believed to be honest.
ANSWER_BYTES = 256 * MEBI
ANSWER_LINE_BYTES = 16 * MEBI
