"""The drill: back up, kill, restore, go on; nobody is told anything twice, or nothing at all."""

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.backups import make_backup, restore_backup
from bot.settings import Settings
from tests.wire.process import BotProcess
from tests.wire.standin import StandIn


async def test_a_drill_backup_kill_restore(standin: StandIn, database_url: str, tmp_path: Path) -> None:
    """Said between the backup and the crash: not said again. Due after it: said. Once each."""
    settings = Settings(_env_file=None, database_url=database_url, models=tmp_path / "models")
    file = tmp_path / "backup.zip"
    # A restore takes longer than Discord remembers nonces: only the look into the history helps.
    standin.messages_api.nonce_window = timedelta(0)
    async with BotProcess(standin, tmp_path, database_url=database_url) as bot:
        soon = int(time.time()) + 3
        options = {"when": f"<t:{soon}>", "what": "algebra"}
        await standin.slash(standin.alice, standin.channel, "remind me", options)
        await make_backup(settings, file, now=datetime.now(UTC))
        await standin.wait_until(lambda: standin.dms(standin.alice), what="the reminder")
        await bot.kill()

        restored = await restore_backup(settings, file, replace=True, now=datetime.now(UTC))
        assert restored.open == 1
        await bot.start()
        options = {"when": f"<t:{int(time.time()) + 2}>", "what": "topology"}
        await standin.slash(standin.bob, standin.channel, "remind me", options)
        await standin.wait_until(lambda: standin.dms(standin.bob), what="the later reminder")
        await bot.terminate()
    (algebra,) = standin.dms(standin.alice)
    assert "algebra" in algebra.text
    (topology,) = standin.dms(standin.bob)
    assert "topology" in topology.text
    # What reads every row of every table can be made again; SQLite also says so of the pages themselves.
    await make_backup(settings, tmp_path / "after.zip", now=datetime.now(UTC))
    if restored.kept is not None:
        for path in (restored.kept, tmp_path / "cohort.db"):
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as kept:
                assert kept.execute("PRAGMA integrity_check").fetchone() == ("ok",)
