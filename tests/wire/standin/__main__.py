"""`python -m tests.wire.standin --port N`: a stand-in to point a bot at by hand; prints how.

Reads commands from standard input: `slash USER COMMAND [name=value ...]`, `messages`, `drop`, `quit`.
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys

from tests.openapi import BodyValidator
from tests.wire.standin import StandIn, Unusable


async def serve(port: int) -> None:
    """Run until `quit` or the end of standard input."""
    async with StandIn(BodyValidator(), port=port) as standin:
        say(f"DISCORD_TOKEN={standin.token}", f"COHORT_DISCORD_API_URL={standin.api_url}")
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if line == "quit":
                return
            try:
                await obey(standin, line)
            except (Unusable, AssertionError, ValueError) as error:
                say(f"! {error}")
            for violation in standin.violations:
                say(f"! {violation}")
            standin.violations.clear()


async def obey(standin: StandIn, line: str) -> None:
    """One line of input. Option values that look like numbers are sent as such."""
    match shlex.split(line):
        case ["slash", user, *words]:
            options = dict(word.split("=", 1) for word in words if "=" in word)
            name = " ".join(word for word in words if "=" not in word)
            members = {u.name.lower(): u for u in standin.world.users.values()}
            if user.lower() not in members:
                raise ValueError(f"no user {user}, there are {sorted(members)}")
            typed = {key: int(value) if value.isdigit() else value for key, value in options.items()}
            reply = await standin.slash(members[user.lower()], standin.channel, name, typed)
            say(f"{reply.seconds_to_acknowledge * 1000:.1f} ms", reply.text)
        case ["messages"]:
            for message in standin.world.messages.values():
                say(f"{message.created_at:%H:%M:%S} {message.channel_id}: {message.text}")
        case ["drop"]:
            standin.gateway.drop()
        case _:
            raise ValueError("slash USER COMMAND [name=value ...] | messages | drop | quit")


def say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.wire.standin")
    parser.add_argument("--port", type=int, default=0, help="the port; 0 takes a free one")
    asyncio.run(serve(parser.parse_args().port))
