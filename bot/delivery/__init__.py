"""The ledger of everything the bot must say later: claim, send, settle."""
