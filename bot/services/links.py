"""Links that members give as evidence: checked for their form, and never fetched."""

import ipaddress
import re
from urllib.parse import quote, urlsplit

from bot.errors import BadLink, LinkProblem

LINK_LIMIT = 500
# What has a meaning in an address stays; all else, such as brackets and stars, is percent-encoded, so that
# the stored address is one word in every text and no part of it can be read as markdown.
KEPT = "%/:?#@!$&'+,;="
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOST = re.compile(rf"(?:{LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{1,59}})")
# Names that lead into the reader's own machine or network (RFC 6761, RFC 6762, RFC 8375).
PRIVATE = (".localhost", ".local", ".internal", ".home.arpa", ".invalid")


def checked_link(field: str, typed: str) -> str:
    """The link in plain ASCII, as it can be stored and shown; an international host in its `xn--` form.

    Raises BadLink.
    """
    link = typed.strip()
    if any(character.isspace() or not character.isprintable() for character in link):
        raise BadLink(field=field, problem=LinkProblem.SPACES)
    try:
        parts = urlsplit(link)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError:  # also what the host's encoding raises
        raise BadLink(field=field, problem=LinkProblem.FORM) from None
    if parts.scheme not in ("http", "https"):
        raise BadLink(field=field, problem=LinkProblem.SCHEME)
    if "@" in parts.netloc:
        raise BadLink(field=field, problem=LinkProblem.CREDENTIALS)
    if not _is_public(host):
        raise BadLink(field=field, problem=LinkProblem.HOST)
    rest = link.split(parts.netloc, 1)[1]
    link = f"{parts.scheme}://{host}{f':{port}' if port is not None else ''}{quote(rest, safe=KEPT)}"
    if len(link) > LINK_LIMIT:
        raise BadLink(field=field, problem=LinkProblem.LENGTH)
    return link


def _is_public(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return HOST.fullmatch(host) is not None and len(host) <= 253 and not host.endswith(PRIVATE)
    return False
