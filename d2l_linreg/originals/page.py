"""A notebook as a page of HTML, in which nothing is live that came from the notebook."""
import base64
import re
from typing import Any

import bleach
import nbformat
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter

from .outputs import BUNDLES

# What is kept of HTML; all else is left out, but for its text
_TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "details", "div",
    "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li",
    "mark", "ol", "p", "pre", "q", "s", "small", "span", "strong", "sub", "summary", "sup",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul"}
_ATTRIBUTES = {"a": {"href"}, "img": {"src", "alt", "width", "height"}, "ol": {"start"},
               **dict.fromkeys(("td", "th"), {"colspan", "rowspan", "align"}),
               **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), {"id"})}
_LINK = re.compile(r"\s*(https?:|mailto:|[^:]*\Z)", re.IGNORECASE)
_FOR_ALL = {"class", "title"}
_PICTURES = ("image/svg+xml", "image/png", "image/jpeg")
_TEXTS = ("text/html", "text/markdown", "text/latex", "text/plain")


def to_page(notebook: nbformat.NotebookNode) -> bytes:
    """Make a page of a notebook, with its pictures in it.

    Scripts, frames, forms, widgets and the like of its text and its outputs are left out; an SVG is
    shown as a picture, in which a browser runs nothing. The scripts in the page are nbconvert's
    own, which are loaded from a network to set formulas.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        It is left as it is.

    Returns
    -------
    bytes
        HTML in UTF-8.

    Raises
    ------
    OSError
        If nbconvert fails, with what it says.
    """
    shown = nbformat.from_dict(notebook)
    shown.metadata = nbformat.from_dict({"language_info": {"name": "python"}})
    for cell in shown.cells:
        cell.metadata = nbformat.NotebookNode()
        for output in cell.outputs if cell.cell_type == "code" else ():
            if output.output_type in BUNDLES:
                _tame(output)
    exporter = HTMLExporter(sanitize_html=True, filters={"clean_html": _clean})
    try:
        return exporter.from_notebook_node(shown)[0].encode("utf-8", "backslashreplace")
    except Exception as error:  # of any kind: it is many libraries'
        told = f"{type(error).__name__}: {error}"[:300]
        raise OSError(f"the page cannot be made of it: {told}") from error


def _tame(output: nbformat.NotebookNode) -> None:
    """Keep of an output what is text or a picture; pictures become HTML's."""
    picture = next((kind for kind in _PICTURES if isinstance(output.data.get(kind), str)), None)
    kept = {kind: output.data[kind] for kind in _TEXTS if isinstance(output.data.get(kind), str)}
    if picture is not None and "text/html" not in kept:
        content = output.data[picture]
        if picture == "image/svg+xml":
            content = base64.b64encode(content.encode("utf-8", "replace")).decode()
        sizes = "".join(f' {name}="{size}"' for name, size in _sizes(output, picture).items())
        kept["text/html"] = f'<img alt="" src="data:{picture};base64,{content.strip()}"{sizes}>'
    if not kept:
        kept["text/plain"] = f"({', '.join(output.data) or 'nothing'}: left out of this page)"
    output.data, output.metadata = nbformat.from_dict(kept), nbformat.NotebookNode()


def _sizes(output: nbformat.NotebookNode, picture: str) -> dict[str, int]:
    """As how large a picture is to be shown, where that is told."""
    told = output.get("metadata", {}).get(picture)
    sizes = told if isinstance(told, dict) else {}
    return {name: sizes[name] for name in ("width", "height") if type(sizes.get(name)) is int}


def _clean(html: Any) -> str:
    """HTML without what is live in it."""
    soup = BeautifulSoup(html.decode() if isinstance(html, bytes) else str(html), "html.parser")
    for tag in soup(["script", "style"]):  # whose text is no one's to read
        tag.decompose()
    return bleach.clean(str(soup), tags=_TAGS, attributes=_allowed, strip=True,
                        protocols={"http", "https", "mailto", "data"})


def _allowed(tag: str, name: str, value: str) -> bool:
    if name == "href" and not _LINK.match(value):
        return False
    return name in _FOR_ALL or name in _ATTRIBUTES.get(tag, ())
