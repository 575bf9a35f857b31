"""Ratings and labels in XMP: what is written, and that nothing else changes."""

import codecs
import json
import random
import shutil
import subprocess

import pytest

from keras_series.ranking.xmp import Marks, merge, new_xmp, read_rating
from tests.sidecar_files import ALL, DARKTABLE, DIGIKAM, LIGHTROOM, RDF, XMP, meaning

WRITTEN = Marks(rating=5, label="Green", overwrite=True)
needs_exiftool = pytest.mark.skipif(not shutil.which("exiftool"), reason="needs exiftool")


def exiftool(path):
    """All the tags that exiftool reads."""
    command = ["exiftool", "-json", "-G1", "-struct", "-XMP:all", path]
    result = subprocess.run(command, capture_output=True, check=True)
    return {
        key: value for key, value in json.loads(result.stdout)[0].items() if key != "SourceFile"
    }


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
@pytest.mark.parametrize(
    "encode",
    [
        str.encode,
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16"),
        lambda text: (
            codecs.BOM_UTF16_BE + text.replace(' encoding="UTF-8"', "").encode("utf-16-be")
        ),
    ],
    ids=["utf-8", "utf-8 with mark", "other line ends", "utf-16", "utf-16-be"],
)
def test_nothing_but_rating_and_label_changes(text, encode):
    before = encode(text)
    after, _ = merge(before, WRITTEN)
    assert meaning(after) == meaning(before)
    assert after[:4] == before[:4]
    assert (b"\r\n" in after) == (b"\r\n" in before)
    assert merge(after, WRITTEN) == (after, "")
    assert merge(after, Marks(1, "Red"))[1] == "keeps rating 5, keeps label Green"


@needs_exiftool
@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_exiftool_reads_rating_and_label_and_the_rest_as_before(text, tmp_path):
    before, after = tmp_path / "before.xmp", tmp_path / "after.xmp"
    before.write_text(text, encoding="utf-8")
    after.write_bytes(merge(text.encode(), WRITTEN)[0])
    expected = exiftool(before) | {"XMP-xmp:Rating": 5, "XMP-xmp:Label": "Green"}
    assert exiftool(after) == expected


@needs_exiftool
def test_exiftool_reads_a_new_sidecar(tmp_path):
    (tmp_path / "a.xmp").write_bytes(new_xmp(Marks(3, "Yellow")))
    tags = exiftool(tmp_path / "a.xmp")
    tags.pop("XMP-x:XMPToolkit")
    assert tags == {"XMP-xmp:Rating": 3, "XMP-xmp:Label": "Yellow"}


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (LIGHTROOM, "rating 5, label Green"),
        (DARKTABLE, "keeps rating 2, label Green"),
        (DIGIKAM, "keeps rating 2, keeps label Blue"),
    ],
    ids=ALL,
)
def test_an_existing_rating_and_label_are_kept(text, detail):
    after, received = merge(text.encode(), Marks(5, "Green"))
    assert received == detail
    assert read_rating(after) == ("5" if text is LIGHTROOM else "2")
    assert (after == text.encode()) == (text is DIGIKAM)


def test_a_sidecar_in_latin_1():
    text = LIGHTROOM.replace("crs:Version", "crs:Name='&#x65e5;' crs:Version")
    before = f"<?xml version='1.0' encoding='iso-8859-1'?>{text}".encode("latin-1")
    after, _ = merge(before, WRITTEN)
    assert meaning(after) == meaning(before)
    assert "Küste".encode("latin-1") in after


def wrap(properties, attributes="", namespaces=f"xmlns:xmp='{XMP}'"):
    """A sidecar with these properties."""
    return (
        f"<rdf:RDF xmlns:rdf='{RDF}' {namespaces}><rdf:Description {attributes}>{properties}"
        "</rdf:Description></rdf:RDF>"
    ).encode()


@pytest.mark.parametrize("rating", ["0", "0.0", " ", ""])
def test_no_stars_are_no_rating(rating):
    after, detail = merge(wrap("", f"xmp:Rating='{rating}'"), Marks(3))
    assert detail == "rating 3"
    assert b'xmp:Rating="3"' in after


@pytest.mark.parametrize("rating", ["-1", "1", "4.5", "good"])
def test_other_ratings_are_kept_unless_they_are_to_be_replaced(rating):
    before = wrap(f"<xmp:Rating>{rating}</xmp:Rating>")
    assert merge(before, Marks(3)) == (before, f"keeps rating {rating}")
    after, detail = merge(before, Marks(3, overwrite=True))
    assert detail == f"rating 3 instead of {rating}"
    assert b"<xmp:Rating>3</xmp:Rating>" in after


@pytest.mark.parametrize(
    ("label", "marks", "kept"),
    [
        ("Green", Marks(5, "", overwrite=True), False),
        ("Blue", Marks(5, "", overwrite=True), True),
        ("Green", Marks(5, ""), True),
        ("Green", Marks(5, None, overwrite=True), True),
    ],
)
def test_only_a_label_of_a_ranking_is_removed(label, marks, kept):
    for before in (wrap("", f"xmp:Label='{label}'"), wrap(f"<xmp:Label>{label}</xmp:Label>")):
        after, _ = merge(before, marks)
        assert (label.encode() in after) == kept
        assert meaning(after) == meaning(before)


def test_every_place_of_a_rating_is_written():
    before = wrap("<xmp:Rating>1</xmp:Rating>", "xmp:Rating='2'")
    after, _ = merge(before, Marks(4, overwrite=True))
    assert after.count(b"4") == before.count(b"4") + 2


def test_ratings_inside_a_structure_are_not_those_of_the_photo():
    inner = "<a:part xmlns:a='urn:a'><rdf:Description xmp:Rating='1'/></a:part>"
    before = wrap(inner)
    after, detail = merge(before, WRITTEN)
    assert detail == "rating 5, label Green"
    assert b'<rdf:Description xmp:Rating="1"/>' in after


@pytest.mark.parametrize("namespaces", ["", "xmlns:xmp='urn:other'"])
def test_a_description_is_added_where_none_knows_the_namespace(namespaces):
    before = wrap("<!-- a -->", "rdf:about='urn:b'", namespaces)
    after, _ = merge(before, WRITTEN)
    kept = [event for event in meaning(after) if event[0] != "namespace" or event[2] != XMP]
    added = [
        ("start", f"{RDF} Description", [(f"{RDF} about", "urn:b")]),
        ("end", f"{RDF} Description"),
    ]
    expected = meaning(before)
    assert kept == [*expected[:-1], *added, expected[-1]]
    assert read_rating(after) == "5"


@pytest.mark.parametrize(
    ("xmp", "message"),
    [
        (b"", "damaged"),
        (DARKTABLE.encode()[:700], "damaged"),
        (b"\0" * 100, "damaged"),
        (DARKTABLE.encode("latin-1", "replace").replace(b"IMG", b"\xff"), "damaged"),
        (b"<html/>", "no rdf:RDF"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + wrap("<xmp:Label>&b;</xmp:Label>"), "document type"),
        (wrap("<xmp:Rating><rdf:Alt/></xmp:Rating>"), "more than a plain text"),
        (wrap("<xmp:Rating rdf:parseType='Resource'/>"), "more than a plain text"),
    ],
)
def test_what_is_not_xmp_is_refused(xmp, message):
    with pytest.raises(ValueError, match=message):
        merge(xmp, WRITTEN)


def test_nothing_outside_a_sidecar_is_read(tmp_path):
    (tmp_path / "secret").write_text("secret")
    uri = (tmp_path / "secret").as_uri()
    bomb = "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 50}'>" for n in range(1, 20))
    for entity in (f"<!ENTITY b SYSTEM '{uri}'>", f"<!ENTITY a0 'aaaa'>{bomb}<!ENTITY b '&a19;'>"):
        with pytest.raises(ValueError, match=r"document type|damaged"):
            merge(f"<!DOCTYPE a [{entity}]>".encode() + wrap("", "xmp:Label='&b;'"), WRITTEN)


def random_element(rng, depth=0):
    """A random element with everything that XML has."""
    texts = ["", "a &amp; b", " \n", "&#13;&#10;", "<!-- c -->", "<?p i?>", "<![CDATA[<x>]]>", "日"]
    values = ["", "&#9;&lt;", "v"]
    attributes = "".join(f" p:a{n}='{rng.choice(values)}'" for n in range(rng.randrange(3)))
    count = rng.randrange(3) if depth < 3 else 0
    inner = "".join(random_element(rng, depth + 1) for _ in range(count))
    name = rng.choice(["p:e", "q:e"])
    namespace = f"xmlns:{name[0]}='urn:{rng.randrange(3)}'"
    return f"<{name} {namespace}{attributes}>{rng.choice(texts)}{inner}{rng.choice(texts)}</{name}>"


def random_description(rng):
    """A random description, which may have a rating and a label."""
    attribute = rng.choice(["", "z:Rating=' 1'"])
    element = rng.choice(["", "<z:Rating>3</z:Rating>", "<z:Label xml:lang='x'>Blue</z:Label>"])
    content = random_element(rng) + element
    return f"<rdf:Description rdf:about='' {attribute}>{content}</rdf:Description>"


@pytest.mark.parametrize("seed", range(200))
def test_random_sidecars_keep_their_meaning(seed):
    rng = random.Random(seed)
    descriptions = "".join(random_description(rng) for _ in range(rng.randrange(1, 4)))
    namespaces = f"xmlns:rdf='{RDF}' xmlns:z='{XMP}' xmlns:p='urn:p'"
    encoding = rng.choice(["utf-8", "utf-8-sig", "utf-16"])
    before = f"<?a b?><rdf:RDF {namespaces}>{descriptions}</rdf:RDF>".encode(encoding)
    after, _ = merge(before, WRITTEN)
    assert meaning(after) == meaning(before)
    assert read_rating(after) == "5"
