"""`cohort` without the pace that keeps deliveries below Discord's limit: shows what it could do."""

from __future__ import annotations

from bot.__main__ import main
from bot.ui import sending

if __name__ == "__main__":
    sending.REQUESTS_PER_SECOND = 100_000
    main()
