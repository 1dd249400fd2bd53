"""XML for the VREP simulator: a small tree that keeps prefixes, and Canonical XML 1.0 over it.

ElementTree is not used: it forgets prefixes and its canonicalize() speaks Canonical XML 2.0, which leaves unused namespace
declarations out; the seal of a result is made over the inclusive form 1.0, where every declaration in scope counts (spec/cssz 6.3).
"""

from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

DEPTH_MAX = 100
NODES_MAX = 1_000_000
XML_URI = "http://www.w3.org/XML/1998/namespace"
__all__ = ["Element", "XmlError", "canonical", "escape", "parse", "quoteattr"]


class XmlError(ValueError):
    """Not acceptable as XML; the message says why."""


class Element:
    """attributes: [(prefix, local name, namespace, value)]. scope: {prefix: namespace} in force here. children: Element and str."""

    __slots__ = ("prefix", "local", "uri", "attributes", "scope", "children")

    def __init__(self, prefix, local, uri, attributes, scope):
        self.prefix, self.local, self.uri, self.attributes, self.scope = prefix, local, uri, attributes, scope
        self.children = []

    def elements(self, local=None):
        """Child elements, of that local name when one is given."""
        return [c for c in self.children if isinstance(c, Element) and local in (None, c.local)]

    def find(self, path):
        """First descendant at a path of local names, or None."""
        found = self.all(path)
        return found[0] if found else None

    def all(self, path):
        """Every descendant at a path of local names."""
        here = [self]
        for local in path.split("/"):
            here = [child for element in here for child in element.elements(local)]
        return here

    def walk(self):
        """This element and all below it, in document order."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(reversed(element.elements()))

    def text(self):
        """Own text, its ends stripped."""
        return "".join(c for c in self.children if isinstance(c, str)).strip()

    def value(self, path, default=""):
        found = self.find(path)
        return default if found is None else found.text()

    def get(self, local, uri=None):
        """Value of an attribute, or None."""
        return next((a[3] for a in self.attributes if a[1] == local and (a[2] or None) == uri), None)

    def empty(self):
        return not self.elements() and not self.text()


class Builder:
    def __init__(self, strip):
        self.strip, self.stack, self.root, self.nodes, self.words = strip, [], None, 0, []

    def start(self, name, pairs):
        self.flush()
        self.nodes += 1 + len(pairs) // 2
        if self.nodes > NODES_MAX or len(self.stack) >= DEPTH_MAX:
            raise XmlError("too many or too deep elements")
        parent = self.stack[-1] if self.stack else None
        scope = parent.scope if parent else {"": ""}
        plain = []
        for key, value in zip(pairs[::2], pairs[1::2]):
            if key == "xmlns" or key.startswith("xmlns:"):
                scope = {**scope, key[6:]: value}
                if key != "xmlns" and not value:
                    raise XmlError("a prefix without a namespace")
            else:
                plain.append((key, value))
        attributes = [self.qualify(key, scope, "") + (value,) for key, value in plain]
        if len({(a[1], a[2]) for a in attributes}) != len(attributes):
            raise XmlError("an attribute twice")
        element = Element(*self.qualify(name, scope, scope[""]), attributes, scope)
        if parent:
            parent.children.append(element)
        else:
            self.root = element
        self.stack.append(element)

    @staticmethod
    def qualify(name, scope, default):
        prefix, colon, local = name.rpartition(":")
        if not colon:
            return "", name, default
        if prefix == "xml":
            return prefix, local, XML_URI
        if prefix not in scope or not local or ":" in prefix:
            raise XmlError(f"prefix of {name[:60]!r}")
        return prefix, local, scope[prefix]

    def end(self, _):
        self.flush()
        self.stack.pop()

    def data(self, words):
        self.words.append(words)

    def flush(self):
        words, self.words = "".join(self.words), []
        if words and self.stack and not (self.strip and not words.strip(" \t\r\n")):
            self.stack[-1].children.append(words)


def refuse_doctype(*_):
    raise XmlError("document type declaration")


def parse(data, strip=False):
    """Root of the tree. strip: text of nothing but white space is dropped. Raises XmlError."""
    builder, parser = Builder(strip), expat.ParserCreate()
    parser.ordered_attributes, parser.buffer_text = True, True
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = builder.data, refuse_doctype
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as fault:
        raise XmlError(str(fault)) from fault
    return builder.root


def attribute_text(value):
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), ('"', "&quot;"), ("\t", "&#x9;"), ("\n", "&#xA;"), ("\r", "&#xD;")):
        value = value.replace(char, entity)
    return value


def plain_text(value):
    return escape(value).replace("\r", "&#xD;")


def canonical(apex):
    """Canonical XML 1.0, inclusive, without comments, of the element and all below it; what is in scope from above is written on it.

    Not carried down from above: attributes xml:*; the simulator writes none. No processing instructions: the tree has none."""
    out = []
    write(apex, {"": ""}, out)
    return "".join(out).encode()


def name_of(prefix, local):
    return f"{prefix}:{local}" if prefix else local


def start_tag(element, above):
    """Canonical start tag of an element; above: the declarations already in force."""
    out = ["<", name_of(element.prefix, element.local)]
    for prefix, uri in sorted(element.scope.items()):
        if above.get(prefix, None if prefix else "") != uri:
            out.append(f' {name_of("xmlns", prefix) if prefix else "xmlns"}="{attribute_text(uri)}"')
    for prefix, local, _, value in sorted(element.attributes, key=lambda a: (a[2], a[1])):
        out.append(f' {name_of(prefix, local)}="{attribute_text(value)}"')
    return "".join(out) + ">"


def write(element, above, out):
    out.append(start_tag(element, above))
    for child in element.children:
        if isinstance(child, Element):
            write(child, element.scope, out)
        else:
            out.append(plain_text(child))
    out.append(f"</{name_of(element.prefix, element.local)}>")
