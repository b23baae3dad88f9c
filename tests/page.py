"""A page, as a reader of its HTML finds it."""
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes


class Page(HTMLParser):
    """Of a page: its tags, its addresses, its pictures, and the text in some of its elements."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.addresses, self.images, self.marked_outputs = [], [], {}, []
        self.texts = {tag: [] for tag in ("pre", "mark", "td", "th", "p", "figcaption", "style")}
        self.open = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.addresses += [attributes[name] for name in ("src", "href", "data", "action", "srcset",
                                                         "poster", "background")
                           if name in attributes]
        if tag == "img":
            self.images[attributes["alt"]] = unquote_to_bytes(attributes["src"])
        if tag in self.texts:
            self.texts[tag].append("")
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            self.open.remove(tag)

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts[tag][-1] += data
        if {"pre", "mark"} <= set(self.open):
            self.marked_outputs.append(data)

    @property
    def outputs(self):
        return [text[1:] for text in self.texts["pre"]]  # a browser drops a newline that leads
