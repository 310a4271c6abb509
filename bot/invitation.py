"""The link by which a server invites the bot, asking for exactly what it needs."""

import discord

#: Every permission that the bot asks for, and what it does with it.
NEEDED = {
    "view_channel": "read where a command came from",
    "send_messages": "post meetups, reminders and daily cards",
    "send_messages_in_threads": "remind in the thread under a meetup’s post",
    "embed_links": "frame its posts",
    "attach_files": "show pictures, and hand out decks and calendars",
    "read_message_history": "find what it had sent before a crash, so as not to say it twice",
    "manage_roles": "give a group’s role to who joins",
    "create_events": "make an event for each meetup",
    "manage_events": "let an event follow its meetup",
    "connect": "make an event in a voice channel",
}
INVITED = discord.Permissions(**dict.fromkeys(NEEDED, True))


def invitation(application_id: int) -> str:
    """The address to open in a browser; whoever may add bots to a server chooses one there."""
    return discord.utils.oauth_url(
        application_id, permissions=INVITED, scopes=("bot", "applications.commands")
    )
