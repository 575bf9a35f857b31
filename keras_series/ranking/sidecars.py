"""XMP sidecars: which file holds the rating of a photo, and what is to be written into it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
from collections.abc import Sequence

from PIL import Image

from keras_series.ranking import xmp
from keras_series.ranking.changes import CREATE, KEEP, LEAVE, UPDATE, Change, error_text
from keras_series.ranking.marks import MarkedShot
from keras_series.utils import check_option, detect_format

# IMG_1.xmp for IMG_1.JPG, as Adobe's programs and Capture One name it, or IMG_1.JPG.xmp, as
# darktable and digiKam do.
SIDECAR_NAMES = ("name.xmp", "name.ext.xmp")
_SUFFIXES = (".xmp", ".XMP", ".Xmp")
_MAX_BYTES = 64 << 20
# Pillow does not open HEIC and most RAW files. Their XMP is a plain text near the beginning.
_PACKET = re.compile(rb"<x:xmpmeta.*?</x:xmpmeta>", re.DOTALL)
_SEARCHED_BYTES = 4 << 20


def plan_sidecars(
    shots: Sequence[MarkedShot], sidecar_name: str = SIDECAR_NAMES[0]
) -> list[Change]:
    """Returns what is to be done to write the marks of shots into sidecars. Nothing is written.

    All files of a shot and the copies of its photo get the same rating and label. A sidecar that
    files of different shots share, and one that cannot be read, is left alone.

    Args:
        shots: List of `MarkedShot`, also those without marks.
        sidecar_name: String, one of `SIDECAR_NAMES`. Defaults to `"name.xmp"`.

    Returns:
        List of `Change`, in the order of the shots.

    Raises:
        ImportError: If lxml is not installed.
        ValueError: If `sidecar_name` is invalid.
    """
    check_option("sidecar_name", sidecar_name, SIDECAR_NAMES)
    xmp.check_lxml()
    claims: dict[pathlib.Path, dict[int, pathlib.Path]] = {}
    for number, shot in enumerate(shots):
        for path in _files(shot):
            claims.setdefault(_sidecar(path, sidecar_name), {}).setdefault(number, path)
    changes = []
    for sidecar, claimers in claims.items():
        marked = [shots[number] for number in claimers if shots[number].marks]
        if marked and len(claimers) > 1:
            names = " and ".join(sorted({path.name for path in claimers.values()}))
            changes.append(Change(sidecar, LEAVE, f"shared by photos of different shots: {names}"))
        elif marked:
            changes.append(_plan(sidecar, *marked))
    return [change for change in changes if change is not None]


def find_other_sidecars(
    shots: Sequence[MarkedShot], sidecar_name: str = SIDECAR_NAMES[0]
) -> list[pathlib.Path]:
    """Returns existing sidecars of shots that have the other kind of name.

    They are a sign that the programs of the user expect it.

    Args:
        shots: List of `MarkedShot`.
        sidecar_name: String, one of `SIDECAR_NAMES`. Defaults to `"name.xmp"`.
    """
    (other,) = set(SIDECAR_NAMES) - {sidecar_name}
    paths = {_sidecar(path, other): None for shot in shots for path in _files(shot)}
    return [path for path in paths if path.exists()]


def read_sidecar(path: pathlib.Path) -> bytes:
    """Returns the bytes of a sidecar.

    Args:
        path: Path of the sidecar.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no file, or larger than sidecars are.
    """
    # Opening a pipe can block forever.
    if not path.is_file():
        raise ValueError("not a file")
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError("larger than sidecars are")
    return path.read_bytes()


def _files(shot: MarkedShot) -> tuple[pathlib.Path, ...]:
    return (shot.path, *shot.other_files, *shot.copies)


def _sidecar(photo: pathlib.Path, sidecar_name: str) -> pathlib.Path:
    """Returns the sidecar of a photo: an existing one, whose suffix may be in upper case, or a new.

    Links are followed, so that a file is replaced and not the link to it.
    """
    base = photo.stem if sidecar_name == SIDECAR_NAMES[0] else photo.name
    names = [photo.with_name(base + suffix) for suffix in _SUFFIXES]
    found = next((each for each in names if os.path.lexists(each)), names[0])
    return pathlib.Path(os.path.realpath(found)) if found.is_symlink() else found


def _plan(sidecar: pathlib.Path, shot: MarkedShot) -> Change | None:
    marks = shot.marks
    try:
        is_new = not os.path.lexists(sidecar)
        if is_new and marks.rating is None and not marks.label:
            return None
        before = xmp.new_xmp(xmp.Marks()) if is_new else read_sidecar(sidecar)
        after, detail = xmp.merge(before, marks)
        rating = "" if marks.overwrite or xmp.read_rating(before) else _rating_inside(shot)
    except (OSError, ValueError) as error:
        return Change(sidecar, LEAVE, error_text(error))
    if rating:
        return Change(sidecar, KEEP, f"the photo itself has rating {rating}")
    if after == before:
        return Change(sidecar, KEEP, detail)
    return _if_writable(Change(sidecar, CREATE if is_new else UPDATE, detail, marks))


def _rating_inside(shot: MarkedShot) -> str:
    return next(filter(None, map(embedded_rating, _files(shot))), "")


def _if_writable(change: Change) -> Change:
    if not os.access(change.path.parent, os.W_OK):
        return Change(change.path, LEAVE, "its folder cannot be written")
    if change.kind == UPDATE and not os.access(change.path, os.W_OK):
        return Change(change.path, LEAVE, "it is read-only")
    return change


def embedded_rating(photo: str | os.PathLike) -> str:
    """Returns the rating that a photo's own XMP has, and an empty string if there is none.

    Cameras write one, and programs that write no sidecars.

    Args:
        photo: File of any format.
    """
    # Pillow and the parser raise errors of many types on damaged photos.
    with contextlib.suppress(Exception):
        return xmp.read_rating(packet) if (packet := _read_packet(photo)) else ""
    return ""


def _read_packet(photo: str | os.PathLike) -> bytes:
    if detect_format(photo) in ("HEIF", "RAW"):
        with open(photo, "rb") as file:
            if found := _PACKET.search(file.read(_SEARCHED_BYTES)):
                return found[0]
    with Image.open(photo) as image:
        packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return (packet.encode() if isinstance(packet, str) else packet).rstrip(b"\0")
