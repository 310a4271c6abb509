"""`python -m tests.locales`: bring the catalogues up to date with the source, and compile them.

A message that is new stands there without a translation, one that is gone is taken out. How many lack
one is printed; the tests fail until there are none.
"""

from __future__ import annotations

from io import BytesIO

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from bot.locales import FOLDER, TRANSLATIONS
from tests.locales.source import current, new_catalog


def main() -> None:
    for language in TRANSLATIONS:  # the bot that is asked for its commands wants all of them
        (FOLDER / f"{language}.mo").write_bytes(compiled(read(language)))
    source = current()
    for language in TRANSLATIONS:
        catalog = updated(source, read(language), language)
        (FOLDER / f"{language}.po").write_bytes(written(catalog))
        (FOLDER / f"{language}.mo").write_bytes(compiled(catalog))
        missing = [message for message in catalog if message.id and not is_translated(message.string)]
        print(f"{language}: {len(catalog)} messages, {len(missing)} without a translation")


def read(language: str) -> Catalog:
    path = FOLDER / f"{language}.po"
    if not path.exists():
        return new_catalog(language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(source: Catalog, old: Catalog, language: str) -> Catalog:
    """The source's messages with the translations that there are."""
    catalog = new_catalog(language)
    for message in source:
        if message.id:
            known = old.get(message.id, context=message.context)
            same = known is not None and known.id == message.id
            catalog.add(message.id, known.string if known and same else None, context=message.context)
    return catalog


def is_translated(string: str | tuple[str, ...]) -> bool:
    return all(string) if isinstance(string, tuple) else bool(string)


def written(catalog: Catalog) -> bytes:
    """The header is what gettext needs, and nothing that changes by itself."""
    file = BytesIO()
    write_po(file, catalog, omit_header=True, sort_output=False, width=110)
    header = (
        'msgid ""\nmsgstr ""\n'
        f'"Language: {catalog.locale_identifier}\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Plural-Forms: {catalog.plural_forms}\\n"\n\n'
    )
    return header.encode() + file.getvalue()


def compiled(catalog: Catalog) -> bytes:
    file = BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


if __name__ == "__main__":
    main()
