"""The pages of the documentation that show what was measured."""
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def show(page, name, text):
    """Put a text between the marks that a page has for it, in place of the one there.

    Parameters
    ----------
    page : str
        Its name in docs/.
    name : str
        The marks': that of a file in benchmarks/results/, which holds the same text.
    text : str
    """
    path = DOCS / page
    begin, end = f"<!-- benchmarks/results/{name} -->\n", f"<!-- end of {name} -->\n"
    before, rest = path.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(end)
    path.write_text(before + begin + text + end + after, encoding="utf-8")
