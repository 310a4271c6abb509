"""The base of all refusals."""


class StudyError(Exception):
    """Base of every refusal that a member should understand and can act on."""
