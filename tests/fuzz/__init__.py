"""Whatever a client could send, at every command, button, form and suggestion, by whoever may not."""
