"""What a member reads in an answer."""

from simcord import InteractionResult


def said(result: InteractionResult) -> str:
    """Everything a result shows its reader."""
    messages = [message for message in (result.response, *result.followups) if message is not None]
    texts = [message.content for message in messages]
    for embed in (embed for message in messages for embed in message.embeds):
        texts += [embed.title or "", embed.description or ""]
        texts += [f"{field.name} {field.value}" for field in embed.fields]
    return "\n".join(texts)
