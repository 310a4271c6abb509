"""`/cards daily`, and the post that comes of it."""

from datetime import date, timedelta

from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.delivery.ledger import Claimed
from bot.errors import UnknownDailyCard
from bot.flashcards.memory import Grade
from bot.services.reviews import DAILY, DEFAULT_COUNT, MOST_CARDS, Answer
from bot.ui.answers import Reply, acknowledge, reply
from bot.ui.buttons import Press
from bot.ui.comeback import offer_comeback
from bot.ui.daily import FEATURE, SHOW, answer_reply, post_message, setting_words
from bot.ui.formulas import formula_files, with_formulas
from bot.ui.options import caller_of, deck_choices, group_choices
from bot.ui.reviews import ASK, VERB, asked_words, redraw
from bot.ui.sending import Pointless, Rendered

TICK = "daily cards"  # the same in every language
# Another process may have switched a group's post on.
TICK_AT_LEAST_EVERY = timedelta(minutes=10)
DAY = timedelta(days=1)


class DailyCommands(commands.Cog):
    """The part of `/cards` that sets the daily post."""

    bot: StudyBot

    @app_commands.command()
    @app_commands.describe(
        hour="The hour of the day, in the group’s time zone",
        count="How many cards; 3 unless you say",
        deck="Only cards of this deck",
        off="Post no cards any more",
        group="The group that gets them",
    )
    @app_commands.autocomplete(deck=deck_choices, group=group_choices)
    async def daily(
        self,
        interaction: Interaction,
        hour: app_commands.Range[int, 0, 23] | None = None,
        count: app_commands.Range[int, 1, MOST_CARDS] = DEFAULT_COUNT,
        deck: str | None = None,
        off: bool = False,
        group: str | None = None,
    ) -> None:
        """Post some of the group’s cards every day. For organizers."""
        await acknowledge(interaction, private=True)
        daily, caller = self.bot.services.daily, caller_of(interaction)
        if off:
            setting = await daily.switch_off(caller=caller, typed=group)
        elif hour is None:
            setting = await daily.setting(caller=caller, typed=group)
        else:
            setting = await daily.set(caller=caller, typed=group, hour=hour, count=count, deck=deck)
        if setting.next_at is not None:
            self.bot.scheduler.wake(TICK, setting.next_at)
        await reply(interaction, Reply(setting_words(setting)), private=True)


class DailyPosts(commands.Cog):
    """Posts the cards, and answers those who want to see the back."""

    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.service = bot.services.daily

    async def cog_load(self) -> None:
        self.bot.buttons.register(FEATURE, self.on_press)
        self.bot.sender.register(DAILY, self.render)
        self.bot.scheduler.add(TICK, self.service.plan_next, at_least_every=TICK_AT_LEAST_EVERY)

    async def cog_unload(self) -> None:
        self.bot.scheduler.remove(TICK)
        self.bot.sender.unregister(DAILY)
        self.bot.buttons.unregister(FEATURE)

    async def render(self, delivery: Claimed) -> Rendered:
        day = date.fromisoformat(delivery.refs["day"])
        post = await self.service.post(group_id=delivery.refs["group"], day=day)
        if post is None:
            raise Pointless("no daily cards any more")
        yesterday = post.before is not None and post.before.day == day - DAY
        message = post_message(post, yesterday=yesterday, delivery=delivery.id)
        for number, ((card, _), embed) in enumerate(zip(post.cards, message.embeds, strict=True), 1):
            if embed.image.url is None:  # one picture each: all of them may be as many as a message takes
                drawn = await formula_files(
                    self.bot.formulas, [card.front], embed=embed, theme=post.group.theme, number=number
                )
                message.files = [*message.files, *drawn]
        return message

    async def on_press(self, press: Press) -> None:
        """Show answer, under the post, and the grades, under the private answer."""
        interaction = press.interaction
        found = VERB.fullmatch(press.verb)
        if found is None or found["number"] is None:
            raise UnknownDailyCard
        what, card_id, caller = found["what"], int(found["number"]), caller_of(interaction)
        if what == SHOW:
            await acknowledge(interaction, private=True)
            answer = await self.service.look(caller=caller, post_id=press.id, card_id=card_id)
            await reply(interaction, await self._drawn(answer, press.id), private=True)
        elif what == ASK:
            await acknowledge(interaction, private=True)
            group = await self.service.ask_group(caller=caller, post_id=press.id, card_id=card_id)
            await reply(interaction, Reply(asked_words(group)), private=True)
        elif what in set(Grade):
            await interaction.response.defer()
            given = Grade(what)
            answer = await self.service.grade(caller=caller, post_id=press.id, card_id=card_id, given=given)
            # The grade takes the place of its buttons.
            await redraw(interaction, await self._drawn(answer, press.id))
            await offer_comeback(interaction, answer.quiet, answer.group.id)
        else:
            raise UnknownDailyCard

    async def _drawn(self, answer: Answer, post_id: int) -> Reply:
        card, drawn = answer.card, answer_reply(answer, post_id=post_id)
        return await with_formulas(self.bot.formulas, drawn, card.front, card.back, theme=answer.group.theme)
