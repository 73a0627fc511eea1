"""A page of HTML, taken apart: what is in it, whether it is well-formed, and what it asks of others."""

import re
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input"}
REFERENCES = ("src", "href", "action", "formaction", "poster", "data", "srcset", "xlink:href")


class Page(HTMLParser):
    """Notes elements, ids, texts and references; ``problems`` says what is not well-formed."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.source = text
        self.open = []
        self.ids = []
        self.elements = []
        self.references = []
        self.problems = []
        self.texts = {}  # by the innermost id
        self._ids = []
        self.feed(text)
        self.close()
        if self.open:
            self.problems.append(f"not closed: {self.open}")
        if len(self.ids) != len(set(self.ids)):
            self.problems.append(f"ids met twice: {sorted(i for i in set(self.ids) if self.ids.count(i) > 1)}")

    def handle_starttag(self, tag, attrs):
        held = dict(attrs)
        if len(held) != len(attrs):
            self.problems.append(f"<{tag}> has an attribute twice")
        self.elements.append((tag, held))
        if "id" in held:
            self.ids.append(held["id"])
        self.references += [held[name] for name in REFERENCES if held.get(name)]
        if tag not in VOID:
            self.open.append(tag)
            self._ids.append(held.get("id"))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.problems.append(f"</{tag}> closes {self.open[-1:]} at {self.getpos()}")
            return
        self.open.pop()
        self._ids.pop()

    def handle_data(self, data):
        if "script" in self.open or "style" in self.open:
            return
        for key in filter(None, self._ids):
            self.texts[key] = self.texts.get(key, "") + data

    @property
    def outside(self):
        """What the page would ask of others: references to other places than data and the page, also in styles."""
        styles = "".join(re.findall(r"<style>(.*?)</style>", self.source, re.DOTALL))
        styles += "".join(held["style"] for _, held in self.elements if "style" in held)
        found = [r for r in self.references if not r.startswith(("data:", "#"))]
        return found + re.findall(r"@import|url\(", styles)

    def count(self, tag):
        return sum(name == tag for name, _ in self.elements)

    def attributes(self, tag):
        return [held for name, held in self.elements if name == tag]
