"""The daily cards: the public post, and the private answer to each of its cards."""

import discord

from bot.locales import _, ngettext
from bot.services.reviews import Answer, Outcome, Post, Setting
from bot.ui.answers import Reply
from bot.ui.boards import COLOUR
from bot.ui.buttons import DurableButton, buttons
from bot.ui.card_images import card_files
from bot.ui.cards import counted, side
from bot.ui.moments import moment
from bot.ui.reviews import ASK, ASK_LABEL, GRADES, STYLES, grade_labels, sides
from bot.ui.sending import Rendered
from bot.ui.text import shown

FEATURE = "daily"
SHOW = "show"
# All embeds of a message together may have 6,000 characters.
FRONTS_ROOM = 5500
PER_ROW = 5


def post_message(post: Post, *, yesterday: bool, delivery: int) -> Rendered:
    """Fronts and one button per card. How the post before went comes first: `yesterday`, or longer ago."""
    several = len(post.cards) > 1
    head = _(
        "**Cards of the day for {group}.** Answer them for yourself; nobody sees how.",
        group=shown(post.group.name),
    )
    words = [outcome_words(post.before, yesterday=yesterday)] if post.before is not None else []
    embeds, files = [], []
    for number, (card, images) in enumerate(post.cards, 1):
        embed = discord.Embed(title=str(number) if several else None, colour=COLOUR)
        embed.description = side(card.front, room=FRONTS_ROOM // len(post.cards))
        # One each: all of them may be as many as a message takes.
        files += card_files(images.front[:1], embed, number=number)
        embeds.append(embed)
    shows = [
        DurableButton(
            FEATURE,
            post.post.id,
            f"{SHOW}_{card.id}",
            label=_("Show answer {number}", number=number) if several else _("Show answer"),
            row=(number - 1) // PER_ROW,
            delivery=delivery if number == 1 else None,
        )
        for number, (card, images) in enumerate(post.cards, 1)
    ]
    return Rendered(content="\n".join([*words, head]), embeds=embeds, view=buttons(*shows), files=files)


def outcome_words(before: Outcome, *, yesterday: bool) -> str:
    """ "Yesterday: 12 answers by 5 people, 83 % recalled; hardest: …", and nobody's name."""
    answers = ngettext("{n:,} answer", "{n:,} answers", before.answers)
    people = ngettext("{n:,} person", "{n:,} people", before.people)
    if yesterday:
        words = _("Yesterday: {answers} by {people}", answers=answers, people=people)
    else:
        words = _("Last time: {answers} by {people}", answers=answers, people=people)
    if before.recalled is not None:
        share = 100 * before.recalled / before.answers
        words = _("{words}, {share:.0f} % recalled", words=words, share=share)
    if before.hardest is not None:
        words = _("{words}; hardest: {card}", words=words, card=shown(before.hardest.front, most=120))
    return f"{words}."


def answer_reply(answer: Answer, *, post_id: int) -> Reply:
    """Both sides, with the grades as long as this member may give one."""
    embed = discord.Embed(description=sides(answer.card.front, answer.card.back), colour=COLOUR)
    files = card_files(answer.images.both, embed)
    if answer.intervals is not None:
        grades = buttons(
            *(
                DurableButton(FEATURE, post_id, f"{grade}_{answer.card.id}", label=label, style=STYLES[grade])
                for grade, label in grade_labels(answer.intervals).items()
            )
        )
        return Reply(embeds=[embed], view=grades, files=files)
    if answer.given is None:
        words = _("This card joins your reviews once you have run its lesson (`/lesson done`).")
        return Reply(words, embeds=[embed], files=files)
    words = _("You graded this card **{grade}**.", grade=_(GRADES[answer.given]))
    if answer.is_set_aside:
        forgotten = _("You keep forgetting it, so I set it aside: when somebody rewords it, it comes back.")
        ask = DurableButton(FEATURE, post_id, f"{ASK}_{answer.card.id}", label=_(ASK_LABEL))
        return Reply(f"{words} {forgotten}", embeds=[embed], view=buttons(ask), files=files)
    if answer.due is not None:
        due = _("It comes back {when}; `/review` has all that are due.", when=moment(answer.due))
        words = f"{words} {due}"
    return Reply(words, embeds=[embed], files=files)


def setting_words(setting: Setting) -> str:
    name = shown(setting.group.name)
    daily = setting.daily
    if daily is None or setting.next_at is None:
        return _("**{group}** has no daily cards now. `/cards daily hour:` switches them on.", group=name)
    source = _("all decks") if setting.deck is None else f"**{shown(setting.deck.name)}**"
    words = [
        _(
            "**{group}** gets {cards} from {source} every day at {hour:02}:00 ({zone}) in {channel}. "
            "The next post comes {when}.",
            group=name,
            cards=counted(daily.count, "card"),
            source=source,
            hour=daily.hour,
            zone=setting.group.timezone,
            channel=f"<#{setting.group.channel_id}>",
            when=moment(setting.next_at),
        )
    ]
    if setting.ready == 0:
        words.append(
            _(
                "At the moment no card is due for anybody and none is new, so that day would be skipped: "
                "`/cards add` writes one, `/cards starter` brings ready-made ones."
            )
        )
    return "\n".join(words)
