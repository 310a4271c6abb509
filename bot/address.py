"""Where Discord is: at its own address, or at another Discord-compatible one."""

import discord
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL


def discord_address() -> str:
    """Where this process's REST requests go."""
    return Route.BASE


async def log_in(client: discord.Client, token: str, api_url: str | None) -> None:
    """Log in, without connecting yet, at `api_url` or at Discord's own address when it is None.

    discord.py keeps both addresses on classes, so the choice is for the whole process. It asks REST
    for the gateway once; after a lost session it would go back to Discord's own without this.
    Raises what `discord.Client.login` raises.
    """
    if api_url is not None:
        Route.BASE = api_url
    await client.login(token)
    if api_url is not None:
        _, gateway, _ = await client.http.get_bot_gateway()
        DiscordWebSocket.DEFAULT_GATEWAY = URL(gateway)
