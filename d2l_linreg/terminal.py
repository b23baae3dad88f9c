"""Text on its way to a terminal."""
import re
import unicodedata


def printable(text: str) -> str:
    r"""Show what would steer a terminal, or turn its text round, as Python's escapes.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        Newlines, tabs, and all that is seen, as they were.

    Examples
    --------
    >>> printable("red: \x1b[31m")
    'red: \\x1b[31m'
    """
    return re.sub(r"[^\n\t -~]", _shown, text)


def _shown(character: re.Match[str]) -> str:
    of_no_width = unicodedata.category(character[0]) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return character[0].encode("unicode_escape").decode() if of_no_width else character[0]
