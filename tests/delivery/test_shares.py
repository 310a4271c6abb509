"""Several processes, one ledger: each says what goes to its servers, and steps in for one gone."""

from datetime import UTC, datetime, timedelta

from bot.db.engine import Database
from bot.delivery.ledger import OTHERS_AFTER, Ledger, Outgoing, Share

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def place(shard: int, number: int) -> int:
    """An id that Discord's formula gives to this shard out of four."""
    return ((number * 4 + shard) << 22) + number


async def test_each_process_claims_its_own_and_nobody_elses(database_url: str) -> None:
    database = Database(database_url)
    clock = [NOW]

    def ledger(owner: str, share: Share | None) -> Ledger:
        return Ledger(database, clock=lambda: clock[0], owner=owner, share=share)

    try:
        first, second = ledger("a", Share(shards=(0, 1), count=4)), ledger("b", Share(shards=(2, 3), count=4))
        async with database.write() as session:
            for shard in range(4):
                server, member = place(shard, 1), place(shard, 2)
                await first.plan(
                    session,
                    Outgoing(key=f"server {shard}", kind="k", subject="s", due_at=NOW, guild_id=server,
                             channel_id=place(3 - shard, 3)),
                    # A direct message belongs to its member, whatever server it is about.
                    Outgoing(key=f"member {shard}", kind="k", subject="s", due_at=NOW, user_id=member,
                             guild_id=place(3 - shard, 4)),
                )  # fmt: skip
        assert {claimed.key for claimed in await first.claim(100)} == {
            f"{what} {shard}" for what in ("server", "member") for shard in (0, 1)
        }
        assert await first.claim(100) == []
        # What waits for the other is not due here yet, so nobody wakes for it again and again.
        assert await first.next_due() == min(NOW + first.lease, NOW + OTHERS_AFTER)
        clock[0] = NOW + OTHERS_AFTER - timedelta(seconds=31)
        assert await first.claim(100) == []
        # The other does not run: after a minute its deliveries are anybody's.
        clock[0] = NOW + OTHERS_AFTER
        late = {claimed.key for claimed in await first.claim(100)}
        assert late >= {f"{what} {shard}" for what in ("server", "member") for shard in (2, 3)}
        assert await second.claim(100) == []
    finally:
        await database.close()
