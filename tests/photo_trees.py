"""Folders of photos as cameras, servers and archives leave them."""

import os
import pathlib

HEADS = {
    "JPEG": b"\xff\xd8\xff\xe0",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "WebP": b"RIFF\x24\0\0\0WEBPVP8 ",
    "GIF": b"GIF89a",
    "BMP": b"BM\x8a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
    "TIFF": b"II*\0\x08\0\0\0",
}


def write(folder: pathlib.Path, files: dict[str, bytes]) -> None:
    """Writes files and the folders that they are in."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


_SKIPPED = (
    "._1.jpg", ".hidden/1.jpg", ".thumbnails/1.jpg", "@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",
    "#recycle/1.jpg", "$RECYCLE.BIN/1.jpg", "@Recycle/1.jpg", "lost+found/1.jpg",
    "__MACOSX/1.jpg", "b/Thumbs.db",
)  # fmt: skip
_ODD_NAME = os.fsdecode(b"caf\xe9.jpg")
_PHOTOS = {
    "1.jpg": HEADS["JPEG"],
    "DSCF0001.MPO": HEADS["JPEG"],
    "b/[c]*/2.JPG_large": HEADS["GIF"],
    "b/photo": HEADS["PNG"],
    _ODD_NAME: HEADS["BMP"],
}
_OTHERS = {
    "empty.jpg": b"",
    "page.jpg": b"<html>",
    "raw.CR2": b"II*\0\x10\0\0\0CR\2\0",
}


def write_tricky_tree(folder: pathlib.Path) -> dict[str, str | None]:
    """Writes photos and other files to `folder / "photos"`, and one to `folder / "outside"`.

    Returns the reason of every file that is to be found, `None` for photos, in the expected order.
    """
    photos, outside = folder / "photos", folder / "outside"
    write(photos, dict.fromkeys(_SKIPPED, HEADS["JPEG"]))
    write(photos, _PHOTOS | _OTHERS)
    write(outside, {"far/3.webp": HEADS["WebP"]})
    os.mkfifo(photos / "pipe.jpg")
    links = {"broken.jpg": "nowhere", "self.jpg": "self.jpg"}
    links |= {"again": photos / "b", "circle": photos, "up": folder, "z": outside}
    for name, target in links.items():
        (photos / name).symlink_to(target)
    # Links to folders come last.
    return dict.fromkeys(["1.jpg", "DSCF0001.MPO", "b/[c]*/2.JPG_large", "b/photo"]) | {
        "broken.jpg": "not found",
        _ODD_NAME: None,
        "empty.jpg": "empty",
        "page.jpg": "not an image",
        "pipe.jpg": "not an image",
        "raw.CR2": "format not supported",
        "self.jpg": "not found",
        "z/far/3.webp": None,
    }
