"""Small RAW files: DNG files with a mosaic of pixels, and a JPEG in them as preview."""

import struct

_SIZE = 64
# Numbers of TIFF's types, and their formats.
_BYTE, _TEXT, _SHORT, _LONG, _RATIO = 1, 2, 3, 4, 5
_FORMATS = {_BYTE: "B", _SHORT: "H", _LONG: "I", _RATIO: "I"}


def make_dng(
    preview: bytes,
    preview_size: tuple[int, int],
    orientation: int = 1,
    time: str | None = None,
    camera: tuple[str, str, str] = ("Canon", "EOS R5", "1"),
) -> bytes:
    """Returns a DNG file.

    Args:
        preview: Bytes of a JPEG.
        preview_size: Its width and height.
        orientation: Integer, how to turn the mosaic upright, as in EXIF.
        time: String, when it was taken, as in EXIF. Defaults to none.
        camera: Maker, model and serial number.
    """
    maker, model, serial = camera
    capture = [(0xA431, _TEXT, serial)]
    if time:
        capture.append((0x9003, _TEXT, time))
    small = [
        (254, _LONG, [1]), (256, _LONG, [preview_size[0]]), (257, _LONG, [preview_size[1]]),
        (258, _SHORT, [8, 8, 8]), (259, _SHORT, [7]), (262, _SHORT, [6]), (273, _LONG, [0]),
        (277, _SHORT, [3]), (278, _LONG, [preview_size[1]]), (279, _LONG, [len(preview)]),
    ]  # fmt: skip
    mosaic = struct.pack(f"<{_SIZE * _SIZE}H", *range(0, 4 * _SIZE * _SIZE, 4))
    main = [
        (254, _LONG, [0]), (256, _LONG, [_SIZE]), (257, _LONG, [_SIZE]), (258, _SHORT, [16]),
        (259, _SHORT, [1]), (262, _SHORT, [32803]), (271, _TEXT, maker), (272, _TEXT, model),
        (273, _LONG, [0]), (274, _SHORT, [orientation]), (277, _SHORT, [1]), (278, _LONG, [_SIZE]),
        (279, _LONG, [len(mosaic)]), (330, _LONG, [0]), (33421, _SHORT, [2, 2]),
        (33422, _BYTE, [0, 1, 1, 2]), (34665, _LONG, [0]), (50706, _BYTE, [1, 4, 0, 0]),
        (50708, _TEXT, model), (50717, _LONG, [4 * _SIZE * _SIZE]), (50728, _RATIO, [1] * 6),
    ]  # fmt: skip
    # Sizes do not depend on the places, which are zeros here.
    start = 8 + len(_folder(main, 0))
    small_start = start + len(_folder(capture, 0))
    mosaic_start = small_start + len(_folder(small, 0))
    main = _placed(main, {273: mosaic_start, 330: small_start, 34665: start})
    small = _placed(small, {273: mosaic_start + len(mosaic)})
    folders = _folder(main, 8) + _folder(capture, start) + _folder(small, small_start)
    return b"II*\0\x08\0\0\0" + folders + mosaic + preview


def _placed(entries: list, places: dict[int, int]) -> list:
    return [(tag, kind, [places[tag]] if tag in places else value) for tag, kind, value in entries]


def _folder(entries: list, start: int) -> bytes:
    """Returns a folder of tags that stands at a place of the file."""
    entries = sorted(entries)
    more_start = start + 2 + 12 * len(entries) + 4
    table, more = struct.pack("<H", len(entries)), b""
    for tag, kind, value in entries:
        if kind == _TEXT:
            content = value.encode() + b"\0"
            count = len(content)
        else:
            content = struct.pack(f"<{len(value)}{_FORMATS[kind]}", *value)
            count = len(value) // (2 if kind == _RATIO else 1)
        if len(content) > 4:
            place = more_start + len(more)
            more += content + b"\0" * (len(content) % 2)
            content = struct.pack("<I", place)
        table += struct.pack("<HHI", tag, kind, count) + content.ljust(4, b"\0")
    return table + bytes(4) + more
