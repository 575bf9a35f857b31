"""Photo files meant to break a decoder, and a process in which an exported model scores them.

    python -m tests.hostile_photos MODEL COUNT

prints a line of JSON a batch. Batch n is the same in every run, so what ends the process can be
looked at: `make_batch(n)`.
"""

import faulthandler
import json
import re
import resource
import struct
import sys
import time
import zlib

import numpy as np
import tensorflow as tf

from tests.drawn_photos import ENCODED, PHOTO, app1, encode, exif, mutate, png_chunk
from tests.icc_profiles import PROFILES, grey_profile

BATCH_SIZE = 32
# A process that hangs ends itself after this, and says where it was.
HANG_SECONDS = 60
SOURCES = {
    **ENCODED,
    "jpeg_exif": encode(PHOTO, "JPEG", exif=exif(6)),
    "jpeg_progressive_grey": encode(PHOTO.convert("L"), "JPEG", progressive=True),
    "jpeg_restarts": encode(PHOTO, "JPEG", restart_marker_blocks=2),
    "png_exif": encode(PHOTO, "PNG", exif=exif(6, ">")),
    "webp_exif": encode(PHOTO, "WEBP", exif=exif(6)),
    "jpeg_profile": encode(PHOTO, "JPEG", icc_profile=PROFILES["display_p3"]),
    "png_profile": encode(PHOTO, "PNG", icc_profile=PROFILES["table"]),
    "webp_profile": encode(PHOTO, "WEBP", icc_profile=PROFILES["rec2020"]),
}
CONTROLS = ("jpeg_progressive", "png_alpha")
# This square is within the limit of pixels: a decoder that believes it takes 600 MB in colour.
LARGEST = 14_141
SIDES = (0, 1, 2, 500, LARGEST, 10_001, 16_383, 65_535, 2**24, 2**31 - 1, 2**32 - 1)


def truncate(photo_bytes, generator):
    return photo_bytes[: generator.integers(len(photo_bytes))]


def flip_bits(photo_bytes, generator):
    changed = bytearray(photo_bytes)
    for place in generator.integers(len(changed), size=2 ** generator.integers(8)):
        changed[place] ^= 1 << generator.integers(8)
    return bytes(changed)


def swap_header(photo_bytes, generator):
    """The first bytes of another format, in place of its own or before them."""
    other = SOURCES[generator.choice(list(SOURCES))]
    size = int(generator.choice([2, 4, 8, 12, 16, 32, 64, 300]))
    return other[:size] + photo_bytes[size if generator.random() < 0.5 else 0 :]


def splice(photo_bytes, generator):
    """A part of it many times over, or a part of another photo."""
    start, stop = sorted(generator.integers(len(photo_bytes), size=2))
    other = SOURCES[generator.choice(list(SOURCES))]
    part = photo_bytes[start:stop] * int(generator.integers(2, 50))
    if generator.random() < 0.5:
        part = other[slice(*sorted(generator.integers(len(other), size=2)))]
    return photo_bytes[:start] + part + photo_bytes[stop:]


def add_exif(photo_bytes, generator):
    """EXIF that points, counts and ends where it should not; the photo itself is whole."""
    order = generator.choice(["<", ">"])
    start = generator.choice([0, 4, 8, 9, 200, 2**31, 2**32 - 1])
    count = generator.choice([0, 1, 4, 255, 65_535])
    # 8, where this directory is: an endless chain.
    following = generator.choice([0, 8, 26, 2**32 - 1])
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", start, count)
    entries = [exif_entry(order, generator) for _ in range(generator.integers(6))]
    body = head + b"".join(entries) + struct.pack(order + "I", following)
    body = body[: generator.integers(len(body) + 1)] if generator.random() < 0.3 else body
    return put_exif(photo_bytes, body, generator)


def exif_entry(order, generator):
    tag = generator.choice([0x0112, 0x0112, 0x8769, 0x014A, 0x0201, generator.integers(65_536)])
    kind = generator.choice([0, 1, 2, 3, 3, 3, 4, 5, 13, 65_535])
    count = generator.choice([0, 1, 1, 2, 65_536, 2**32 - 1])
    return struct.pack(order + "HHIHH", tag, kind, count, generator.choice([0, 1, 6, 8, 9, 256]), 0)


def put_exif(photo_bytes, body, generator):
    lie = int(generator.choice([0, 0, 0, -8, 9, 60_000]))
    if photo_bytes.startswith(b"\x89PNG"):
        return photo_bytes[:33] + png_chunk(b"eXIf", body) + photo_bytes[33:]
    if photo_bytes.startswith(b"RIFF"):
        return photo_bytes + b"EXIF" + struct.pack("<I", len(body) + max(lie, 0)) + body
    body = b"Exif\0\0" + body
    size = max(len(body) + 2 + lie, 0)
    return photo_bytes[:2] + b"\xff\xe1" + struct.pack(">H", size) + body + photo_bytes[2:]


def add_profile(photo_bytes, generator):
    """A damaged profile, in parts of any order and number, or compressed."""
    profiles = [*PROFILES.values(), grey_profile(2.2)]
    profile = profiles[generator.integers(len(profiles))]
    if generator.random() < 0.8:
        profile = generator.choice([mutate, truncate, flip_bits])(profile, generator)
    if photo_bytes.startswith(b"\x89PNG"):
        chunk = png_chunk(b"iCCP", b"name\0\0" + flip_some(zlib.compress(profile), generator))
        others = [(b"gAMA", 4), (b"cHRM", 32), (b"cICP", 4), (b"sRGB", 1)]
        for name, size in others:
            if generator.random() < 0.3:
                content = generator.bytes(int(generator.choice([size, size, 0, 99])))
                chunk += png_chunk(name, content)
        return photo_bytes[:33] + chunk + photo_bytes[33:]
    if photo_bytes.startswith(b"RIFF"):
        return photo_bytes + b"ICCP" + struct.pack("<I", len(profile)) + profile
    size = int(generator.choice([50, 200, 5000]))
    parts = [profile[at : at + size] for at in range(0, len(profile), size)]
    segments = [
        app1(b"ICC_PROFILE\0" + bytes([place % 256, len(parts) % 256]) + parts[place])
        for place in generator.integers(0, max(len(parts), 1), len(parts))
    ]
    joined = b"".join(segments).replace(b"\xff\xe1", b"\xff\xe2")
    return photo_bytes[:2] + joined + photo_bytes[2:]


def flip_some(data, generator):
    return flip_bits(data, generator) if generator.random() < 0.3 else data


def change_end(photo_bytes, generator):
    """Another end, or none, and bytes between the markers of a JPEG."""
    kept = len(photo_bytes) - int(generator.choice([0, 1, 2, 4, 12, 30, 300]))
    ends = (b"", bytes(9), b"\xff\xd9", b"rubbish", b"\xff\xd0\xff\xd9", b"\xff" * 40)
    fills = (b"", b"\xff" * 9, bytes(70), b"\xff\x01")
    end, fill = (options[generator.integers(len(options))] for options in (ends, fills))
    if not photo_bytes.startswith(b"\xff\xd8"):
        fill = b""
    return photo_bytes[:2] + fill + photo_bytes[2 : max(kept, 2)] + end


def claim_size(photo_bytes, generator):
    """Another height and width in the header than what follows is enough for."""
    is_largest = generator.random() < 0.5
    height, width = [LARGEST] * 2 if is_largest else generator.choice(SIDES, size=2).tolist()
    changed = bytearray(photo_bytes)
    place, layout = size_place(photo_bytes)
    limit = 2 ** (8 * struct.calcsize(layout) // 2)
    # In all formats but JPEG the width comes first.
    sides = (height, width) if layout == ">HH" else (width, height)
    struct.pack_into(layout, changed, place, *(side % limit for side in sides))
    if photo_bytes.startswith(b"\x89PNG"):
        struct.pack_into(">I", changed, 29, zlib.crc32(changed[12:29]))
    return bytes(changed)


def size_place(photo_bytes):
    """Where the header has the photo's size, and how."""
    if photo_bytes.startswith(b"\x89PNG"):
        return 16, ">II"
    if photo_bytes.startswith(b"\xff\xd8"):
        return re.search(rb"\xff[\xc0-\xc2]\0.\x08", photo_bytes, re.DOTALL).start() + 5, ">HH"
    if photo_bytes.startswith(b"GIF"):
        return photo_bytes.index(b",\0\0\0\0") + 5, "<HH"
    if photo_bytes.startswith(b"BM"):
        return 18, "<II"
    places = {b"VP8X": (24, "<II"), b"VP8L": (21, "<HH"), b"VP8 ": (26, "<HH")}
    return places[photo_bytes[12:16]]


def mend_checksums(photo_bytes, generator):
    """A PNG with changed data and checksums that fit them, so that its decoder reads on."""
    source = photo_bytes if photo_bytes.startswith(b"\x89PNG") else SOURCES["png_palette"]
    changed, position = source[:8], 8
    while position < len(source):
        size = int.from_bytes(source[position : position + 4], "big")
        data = source[position + 8 : position + 8 + size]
        if data and generator.random() < 0.4:
            data = flip_bits(data, generator)
        changed += png_chunk(source[position + 4 : position + 8], data)
        position += 12 + size
    return changed


MUTATIONS = (
    mutate,
    truncate,
    flip_bits,
    swap_header,
    splice,
    add_exif,
    add_profile,
    change_end,
    claim_size,
    mend_checksums,
    lambda photo_bytes, generator: flip_bits(claim_size(photo_bytes, generator), generator),
)


def make_batch(number):
    """Photos of a batch: the controls, at places of chance, among hostile ones."""
    generator = np.random.default_rng([2016, number])
    sources, mutations = list(SOURCES.values()), list(MUTATIONS)
    photos = []
    for _ in range(BATCH_SIZE - len(CONTROLS)):
        change = mutations[generator.integers(len(mutations))]
        photos.append(change(sources[generator.integers(len(sources))], generator))
    places = sorted(generator.choice(BATCH_SIZE, size=len(CONTROLS), replace=False).tolist())
    for place, name in zip(places, CONTROLS, strict=True):
        photos.insert(place, SOURCES[name])
    return photos, places


def score_batch(score, number):
    photos, places = make_batch(number)
    start = time.monotonic()
    answers = {
        name: value.numpy() for name, value in score(photo_bytes=tf.constant(photos)).items()
    }
    return {
        "batch": number,
        "seconds": time.monotonic() - start,
        "controls": answers["score"][places].tolist(),
        "controls_valid": answers["valid"][places].tolist(),
        "scores": np.delete(answers["score"], places).tolist(),
        "valid": np.delete(answers["valid"], places).tolist(),
        "reasons": np.delete(answers["reason"], places).tolist(),
        "peak_bytes": peak_bytes(),
    }


def peak_bytes():
    """The most memory that this process has had."""
    try:
        with open("/proc/self/status") as file:
            return 1024 * int(re.search(r"VmHWM:\s*(\d+)", file.read())[1])
    except FileNotFoundError:
        # Second choice, as on Linux it counts what the parent had when it began this process.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak


def main(model, count):
    score = tf.saved_model.load(model).signatures["score"]
    alone = [
        float(score(photo_bytes=tf.constant([SOURCES[name]]))["score"][0]) for name in CONTROLS
    ]
    print(json.dumps({"alone": alone}), flush=True)
    for number in range(-(-int(count) // (BATCH_SIZE - len(CONTROLS)))):
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        print(json.dumps(score_batch(score, number)), flush=True)
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main(*sys.argv[1:])
