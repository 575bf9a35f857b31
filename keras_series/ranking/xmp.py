"""Ratings and colour labels in XMP, the metadata that sidecar files hold. Bytes in, bytes out."""

from __future__ import annotations

import codecs
import dataclasses
import re
from typing import TYPE_CHECKING

import keras_series

if TYPE_CHECKING:
    from lxml import etree

# The labels that a ranking gives. The names are those of Lightroom's default label set.
KEEP_LABEL = "Green"
CLOSE_LABEL = "Yellow"
SKIP_LABEL = "Red"
_RANKING_LABELS = (KEEP_LABEL, CLOSE_LABEL)

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_XMP = "{http://ns.adobe.com/xap/1.0/}"
_RATING, _LABEL = f"{_XMP}Rating", f"{_XMP}Label"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_NEW = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="keras-series {version}">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""
_DECLARATION = re.compile(r"<\?xml\s.*?\?>\s*", re.DOTALL)
# UTF-32 begins with the mark of UTF-16 and so stands before it.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


@dataclasses.dataclass(frozen=True)
class Marks:
    """What is to be written into the sidecars of a shot.

    Attributes:
        rating: Integer in [0, 5], for `xmp:Rating`. `None` leaves it as it is.
        label: String, for `xmp:Label`. `None` leaves it as it is; an empty string removes the label
            of an earlier ranking if `overwrite`.
        overwrite: Whether an existing rating or label is replaced.
    """

    rating: int | None = None
    label: str | None = None
    overwrite: bool = False


def new_xmp(marks: Marks) -> bytes:
    """Returns a new sidecar, in UTF-8.

    Args:
        marks: `Marks`.
    """
    return merge(_NEW.format(version=keras_series.__version__).encode(), marks)[0]


def merge(xmp: bytes, marks: Marks) -> tuple[bytes, str]:
    """Writes a rating and a label into a sidecar, and leaves everything else as it is.

    A rating of 0 means "not rated", and counts as no rating.

    Args:
        xmp: A sidecar, in any encoding of XML.
        marks: `Marks`.

    Returns:
        The new sidecar, which is `xmp` itself where nothing is to be changed, and a text that says
        what has changed or was kept.

    Raises:
        ImportError: If lxml is not installed. The message says how to install it.
        ValueError: If `xmp` is not XMP, or has a rating or label of an unusual form.

    Example:

    >>> from keras_series.ranking.xmp import Marks, merge, new_xmp
    >>> rated, _ = merge(new_xmp(Marks(rating=3)), Marks(rating=5, label="Green"))
    >>> merge(rated, Marks(rating=5, overwrite=True))[1]
    'rating 5 instead of 3'
    """
    root = _parse(xmp)
    rdf = next(root.iter(f"{_RDF}RDF"), None)
    if rdf is None:
        raise ValueError("not XMP: it has no rdf:RDF")
    details = []
    changed = False
    for tag, value in ((_RATING, marks.rating), (_LABEL, marks.label)):
        if value is not None:
            name, before = _name(tag), _read(rdf, tag)
            if str(value) == before or (
                not value and tag == _LABEL and not _removes(marks, before)
            ):
                continue
            if before and not marks.overwrite:
                details.append(f"keeps {name} {before}")
                continue
            _write(rdf, tag, str(value))
            changed = True
            after = f"{name} {value}" if value != "" else f"no {name}"
            details.append(f"{after} instead of {before}" if before else after)
    return (_serialize(root, xmp) if changed else xmp), ", ".join(details)


def read_rating(xmp: bytes) -> str:
    """Returns the rating in XMP, and an empty string if there is none.

    Args:
        xmp: XMP, in any encoding of XML.

    Raises:
        ValueError: If `xmp` is not XMP.
    """
    rdf = next(_parse(xmp).iter(f"{_RDF}RDF"), None)
    return "" if rdf is None else _read(rdf, _RATING)


def check_lxml() -> None:
    """Raises an error unless lxml, which reads and writes sidecars, is installed.

    Raises:
        ImportError: The message says how to install it.
    """
    _import_etree()


def _import_etree():
    try:
        from lxml import etree
    except ImportError as error:
        raise ImportError(
            "Expected lxml, which reads and writes XMP sidecars. Received: no such package. "
            "Install it with: pip install 'keras-series[xmp]'"
        ) from error
    return etree


def _parse(xmp: bytes) -> etree._Element:
    etree = _import_etree()
    # Nothing outside the file is read, and entities stay as they are.
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, strip_cdata=False
    )
    try:
        root = etree.fromstring(xmp, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"damaged: {error.msg}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise ValueError("not XMP: it has a document type")
    return root


def _serialize(root: etree._Element, xmp: bytes) -> bytes:
    """Returns a sidecar as bytes, with the encoding, the declaration and the line ends of `xmp`."""
    etree = _import_etree()
    mark, encoding = _encoding(root, xmp)
    before = xmp[len(mark) :].decode(encoding)
    declaration = _DECLARATION.match(before)
    nodes = [*reversed([*root.itersiblings(preceding=True)]), root, *root.itersiblings()]
    text = "\n".join(etree.tostring(each, encoding="unicode", with_tail=False) for each in nodes)
    text = (declaration[0] if declaration else "") + text + "\n" * before.endswith("\n")
    if before.count("\n") == before.count("\r\n") > 0:
        text = re.sub(r"\r?\n", "\r\n", text)
    return mark + text.encode(encoding, "xmlcharrefreplace")


def _encoding(root: etree._Element, xmp: bytes) -> tuple[bytes, str]:
    """Returns the byte order mark of a sidecar, which may be empty, and its encoding."""
    for mark, encoding in _MARKS.items():
        if xmp.startswith(mark):
            return mark, encoding
    if xmp[:2] in (b"<\0", b"\0<"):
        return b"", "utf-16-le" if xmp.startswith(b"<") else "utf-16-be"
    return b"", root.getroottree().docinfo.encoding or "utf-8"


def _name(tag: str) -> str:
    return "rating" if tag == _RATING else "label"


def _removes(marks: Marks, before: str) -> bool:
    return marks.overwrite and before in _RANKING_LABELS


def _read(rdf: etree._Element, tag: str) -> str:
    """Returns the value of a property, and an empty string if it is missing or means nothing."""
    for description in rdf.iterchildren(f"{_RDF}Description"):
        values = [
            description.get(tag, ""),
            *(each.text or "" for each in _elements(description, tag)),
        ]
        for value in map(str.strip, values):
            if value and not (tag == _RATING and _is_zero(value)):
                return value
    return ""


def _is_zero(text: str) -> bool:
    try:
        return float(text) == 0
    except ValueError:
        return False


def _elements(description: etree._Element, tag: str) -> list[etree._Element]:
    """Returns the elements that state a property.

    Raises:
        ValueError: If one is more than a plain text, such as a text with qualifiers.
    """
    elements = description.findall(tag)
    if any(len(each) or set(each.attrib) - {_LANGUAGE} for each in elements):
        raise ValueError(f"its {_name(tag)} is more than a plain text")
    return elements


def _write(rdf: etree._Element, tag: str, value: str) -> None:
    """Writes a property wherever it stands, as an attribute or an element, or else adds it.

    An empty value removes it.
    """
    found = False
    for description in rdf.iterchildren(f"{_RDF}Description"):
        elements = _elements(description, tag)
        found = found or tag in description.attrib or bool(elements)
        if tag in description.attrib:
            description.set(tag, value)
        for element in elements:
            element.text = value
        if not value:
            description.attrib.pop(tag, None)
            for element in elements:
                description.remove(element)
    if not found:
        _description(rdf).set(tag, value)


def _description(rdf: etree._Element) -> etree._Element:
    """Returns the description that a new property is added to: one that knows its namespace."""
    descriptions = list(rdf.iterchildren(f"{_RDF}Description"))
    namespace = _XMP[1:-1]
    for description in descriptions:
        if any(prefix and uri == namespace for prefix, uri in description.nsmap.items()):
            return description
    indent = rdf.text
    about = descriptions[0].get(f"{_RDF}about", "") if descriptions else ""
    last = rdf[-1] if len(rdf) else None
    added = _import_etree().SubElement(
        rdf, f"{_RDF}Description", {f"{_RDF}about": about}, nsmap={"xmp": namespace}
    )
    if last is not None:
        added.tail, last.tail = last.tail, indent
    return added
