"""Decoding against Pillow's own decode, transpose and resize.

Tolerances, in levels of 0-255: Pillow rounds to whole levels after each of its two passes, so a
result without rounding is up to 1 level off. A JPEG decoded at a reduced scale is filtered twice.
"""

import io
import pathlib
import re
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from keras_series.photos.decoding import MEAN_COLOUR, decode_photo, decode_photos, resize_photo
from keras_series.photos.headers import read_format, read_orientation

PILLOW_TOLERANCE = 1.01
TURN_TOLERANCE = 1e-3
SIZE = 48
REAL_PHOTOS = sorted((pathlib.Path(__file__).parents[2] / "shared/data/photos").glob("*.jpg"))

DECODE = tf.function(decode_photo, autograph=False)


def draw_photo(width=101, height=78, seed=0):
    """A smooth coloured scene with some grain, different in every corner."""
    noise = np.random.default_rng(seed).uniform(0, 255, [5, 6, 3]).astype(np.uint8)
    smooth = Image.fromarray(noise).resize((width, height), Image.BICUBIC)
    grain = np.random.default_rng(seed).normal(0, 6, [height, width, 3])
    return Image.fromarray(np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8))


def encode(photo, kind, **options):
    buffer = io.BytesIO()
    photo.save(buffer, kind, **options)
    return buffer.getvalue()


def with_alpha(mode="RGBA"):
    photo = draw_photo()
    photo.putalpha(draw_photo(seed=1).convert("L"))
    return photo.convert(mode)


def sixteen_bit():
    grey = np.asarray(draw_photo().convert("L")).astype(np.uint16)
    return Image.fromarray(grey * 256 + 77)


def exif(orientation, order="<"):
    """EXIF with two entries, the orientation the second, in either byte order."""
    entries = struct.pack(order + "HHII", 0x010F, 2, 4, 0x41424300)
    entries += struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, 2)
    return b"Exif\0\0" + head + entries + bytes(4)


def pillow_photo(photo_bytes):
    photo = ImageOps.exif_transpose(Image.open(io.BytesIO(photo_bytes)))
    if photo.mode.startswith("I"):
        photo = Image.fromarray((np.asarray(photo) >> 8).astype(np.uint8))
    return photo.convert("RGB")


def pillow_resize(photo, size, resize):
    """`"pad"` has equal margins, of whole pixels, on both sides."""
    if resize == "crop":
        return np.asarray(ImageOps.fit(photo, (size, size), Image.BILINEAR), np.float32)
    margins = [round((size - side * size / max(photo.size)) / 2) for side in photo.size]
    margins = [min(margin, (size - 1) // 2) for margin in margins]
    width, height = (size - 2 * margin for margin in margins)
    square = np.full([size, size, 3], MEAN_COLOUR, np.float32)
    square[margins[1] : margins[1] + height, margins[0] : margins[0] + width] = np.asarray(
        photo.resize((width, height), Image.BILINEAR)
    )
    return square


def differs_by(actual, expected):
    return np.abs(np.asarray(actual, np.float32) - np.asarray(expected, np.float32)).max()


PHOTO = draw_photo()
ANIMATION = {"save_all": True, "append_images": [draw_photo(seed=seed) for seed in (1, 2)]}
ENCODED = {
    "jpeg": encode(PHOTO, "JPEG", quality=90),
    "jpeg_grey": encode(PHOTO.convert("L"), "JPEG"),
    "jpeg_cmyk": encode(PHOTO.convert("CMYK"), "JPEG"),
    "jpeg_progressive": encode(PHOTO, "JPEG", progressive=True, subsampling=0),
    "png": encode(PHOTO, "PNG"),
    "png_alpha": encode(with_alpha(), "PNG"),
    "png_grey": encode(PHOTO.convert("L"), "PNG"),
    "png_grey_alpha": encode(with_alpha("LA"), "PNG"),
    "png_palette": encode(PHOTO.convert("P"), "PNG"),
    "png_16_bit": encode(sixteen_bit(), "PNG"),
    "png_1_bit": encode(PHOTO.convert("1"), "PNG"),
    "bmp": encode(PHOTO, "BMP"),
    "bmp_alpha": encode(with_alpha(), "BMP"),
    "bmp_grey": encode(PHOTO.convert("L"), "BMP"),
    "bmp_palette": encode(PHOTO.convert("P"), "BMP"),
    "gif": encode(PHOTO, "GIF"),
    "gif_interlaced": encode(PHOTO.quantize(64), "GIF", interlace=True),
    "gif_transparent": encode(PHOTO.quantize(64), "GIF", transparency=3, comment=b"x" * 999),
    "gif_animated": encode(PHOTO, "GIF", **ANIMATION),
    "webp": encode(PHOTO, "WEBP"),
    "webp_lossless": encode(PHOTO, "WEBP", lossless=True),
    "webp_alpha": encode(with_alpha(), "WEBP"),
    "webp_lossless_alpha": encode(with_alpha(), "WEBP", lossless=True),
}
BROKEN = {
    "empty": b"",
    "text": b"a photo",
    "html_named_jpg": b"<!DOCTYPE html><title>Not found</title>",
    "tiff": encode(PHOTO, "TIFF"),
    "random": np.random.default_rng(0).bytes(5000),
    "jpeg_start": b"\xff\xd8\xff",
    "jpeg_header": ENCODED["jpeg"][:300],
    "webp_animated": encode(PHOTO, "WEBP", **ANIMATION),
    "webp_unknown": b"RIFF\x20\0\0\0WEBPJUNK" + bytes(40),
    **{
        f"{name}_truncated": ENCODED[name][: len(ENCODED[name]) * 2 // 3]
        for name in ("jpeg", "png", "bmp", "gif", "webp", "webp_lossless")
    },
}


@pytest.mark.parametrize("resize", ["crop", "pad"])
@pytest.mark.parametrize("name", ENCODED)
def test_formats_match_pillow(name, resize):
    expected = pillow_resize(pillow_photo(ENCODED[name]), SIZE, resize)
    actual = DECODE(ENCODED[name], SIZE, resize)
    assert actual.dtype == tf.float32
    assert differs_by(actual, expected) < PILLOW_TOLERANCE


@pytest.mark.parametrize("name", ["jpeg", "png_palette", "bmp_palette", "gif", "webp_alpha"])
def test_eager_equals_graph(name):
    eager = decode_photo(ENCODED[name], SIZE)
    assert differs_by(eager, DECODE(ENCODED[name], SIZE, "crop")) == 0


@pytest.mark.parametrize("resize", ["crop", "pad"])
@pytest.mark.parametrize("name", [photo.name for photo in REAL_PHOTOS])
def test_real_photos_match_pillow(name, resize):
    path = next(photo for photo in REAL_PHOTOS if photo.name == name)
    photo = Image.open(path)
    # The shrink that decode_photo chooses, by the same rule.
    side = (min if resize == "crop" else max)(photo.size)
    ratio = max(ratio for ratio in (1, 2, 4, 8) if ratio == 1 or side >= 2 * 224 * ratio)
    photo.draft("RGB", [size // ratio for size in photo.size])
    actual = DECODE(path.read_bytes(), 224, resize)
    assert differs_by(actual, pillow_resize(photo, 224, resize)) < PILLOW_TOLERANCE


@pytest.mark.parametrize("resize", ["crop", "pad"])
@pytest.mark.parametrize(
    "size", [(1, 1), (2, 3), (48, 48), (31, 47), (47, 31), (49, 48), (300, 97), (97, 300), (1, 700)]
)
def test_sizes_match_pillow(size, resize):
    photo = draw_photo(*size)
    actual = resize_photo(np.asarray(photo), SIZE, resize)
    assert differs_by(actual, pillow_resize(photo, SIZE, resize)) < PILLOW_TOLERANCE


@pytest.mark.parametrize("size", [1, 7, 224])
def test_crop_equals_the_centre_of_a_whole_resize(size):
    pixels = np.asarray(draw_photo(5 * 64, 64))
    whole = tf.image.resize(pixels, [size, 5 * size], antialias=True)
    actual = resize_photo(pixels, size)
    assert differs_by(actual, whole[:, 2 * size : 3 * size]) < TURN_TOLERANCE


def test_extreme_shape_is_not_resized_whole():
    pixels = tf.zeros([1, 3_000_000, 3], tf.uint8)
    # Resized whole, this would take 1.8 TB.
    assert resize_photo(pixels, 224).shape == [224, 224, 3]
    assert resize_photo(pixels, 224, "pad").shape == [224, 224, 3]


def test_resize_of_a_batch():
    pixels = np.stack([np.asarray(draw_photo(seed=seed)) for seed in range(3)])
    batch = resize_photo(pixels, SIZE)
    for photo, expected in zip(batch, pixels, strict=True):
        assert differs_by(photo, resize_photo(expected, SIZE)) == 0


def test_resize_of_floats():
    pixels = np.asarray(draw_photo())
    floats = resize_photo(pixels.astype(np.float64), SIZE)
    assert differs_by(floats, resize_photo(pixels, SIZE)) < TURN_TOLERANCE


@pytest.mark.parametrize("resize", ["crop", "pad"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_match_pillow(orientation, order, resize):
    photo_bytes = encode(PHOTO, "JPEG", exif=exif(orientation, order))
    expected = pillow_resize(pillow_photo(photo_bytes), SIZE, resize)
    assert differs_by(DECODE(photo_bytes, SIZE, resize), expected) < PILLOW_TOLERANCE


@pytest.mark.parametrize("resize", ["crop", "pad"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_of_one_photo_are_alike(orientation, resize):
    """Stored turned, without loss, and turned back by the tag."""
    turns = [None, 0, 3, 1, 5, 2, 6, 4]  # Image.Transpose that exif_transpose will undo
    turn = turns[orientation - 1]
    stored = PHOTO if turn is None else PHOTO.transpose(Image.Transpose(turn))
    photo_bytes = encode(stored, "PNG", exif=exif(orientation))
    expected = DECODE(ENCODED["png"], SIZE, resize)
    assert differs_by(DECODE(photo_bytes, SIZE, resize), expected) < TURN_TOLERANCE


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_orientation_of_other_formats(kind):
    photo_bytes = encode(PHOTO, kind, exif=exif(6), lossless=True)
    expected = pillow_resize(pillow_photo(photo_bytes), SIZE, "crop")
    assert differs_by(DECODE(photo_bytes, SIZE, "crop"), expected) < PILLOW_TOLERANCE


def orientation_of(photo_bytes):
    return int(read_orientation(photo_bytes, read_format(photo_bytes)))


@pytest.mark.parametrize(
    "malformed",
    [
        b"Exif\0\0",
        b"Exif\0\0MM",
        exif(0),
        exif(9),
        exif(65535),
        exif(6)[:20],
        exif(6).replace(b"II*\0", b"JJ*\0"),
        exif(6).replace(b"\x08\0\0\0", b"\xff\xff\xff\xff"),
        exif(6).replace(b"\x08\0\0\0\x02\0", b"\x08\0\0\0\0\0"),
        exif(6).replace(b"\x12\x01\x03\0", b"\x12\x01\x07\0"),
    ],
)
def test_malformed_exif_is_upright(malformed):
    photo_bytes = encode(PHOTO, "JPEG", exif=malformed)
    assert orientation_of(photo_bytes) == 1
    assert np.isfinite(DECODE(photo_bytes, SIZE, "crop")).all()


def test_exif_behind_other_segments():
    icc_and_exif = encode(PHOTO, "JPEG", icc_profile=bytes(150_000), exif=exif(8))
    comment = b"\xff\xfe\xff\xff" + bytes(65533)
    assert orientation_of(icc_and_exif) == 8
    assert orientation_of(icc_and_exif[:2] + 3 * comment + icc_and_exif[2:]) == 8


def test_exif_outside_its_segment_is_no_exif():
    segment = b"\xff\xe1" + struct.pack(">H", len(exif(6)) + 2) + exif(6)
    comment = b"\xff\xfe" + struct.pack(">H", len(segment) + 2) + segment
    jpeg = ENCODED["jpeg"]
    assert orientation_of(jpeg[:2] + comment + jpeg[2:]) == 1
    assert orientation_of(jpeg + segment) == 1
    assert orientation_of(jpeg[:2] + segment + jpeg[2:]) == 6


def png_header(height, width):
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13)
    return start + chunk + struct.pack(">I", zlib.crc32(chunk))


def gif_of_frames(*sizes):
    """A GIF of frames whose data are 254 bytes of nothing."""
    frames = [
        struct.pack("<cHHHHB", b",", 5, 5, width, height, 0) + b"\x08\xfe" + bytes(254) + b"\0"
        for height, width in sizes
    ]
    return b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0x80, 0, 0) + bytes(6) + b"".join(frames) + b";"


@pytest.mark.parametrize("name", ENCODED)
def test_size_limit(name):
    assert DECODE(ENCODED[name], SIZE, max_pixels=101 * 78).shape == [SIZE, SIZE, 3]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"of 1 to 7877 pixels") as error:
        DECODE(ENCODED[name], SIZE, max_pixels=101 * 78 - 1)
    assert "78 101" in str(error.value)


@pytest.mark.parametrize(
    "bomb",
    [
        png_header(12_000, 12_000),
        png_header(2**31 - 1, 2**31 - 1),
        gif_of_frames((60_000, 60_000)),
        b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 60_000, -60_000, 1, 24, 0) + bytes(20),
        b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff" + bytes(20),
        b"RIFF\x20\0\0\0WEBPVP8L\x14\0\0\0\x2f\xff\xff\xff\x0f" + bytes(20),
        b"RIFF\x20\0\0\0WEBPVP8 \x14\0\0\0\0\0\0\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(20),
    ],
)
def test_large_photos_are_refused_by_their_header(bomb):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"of 1 to 100000000 pixels"):
        DECODE(bomb, SIZE)


def jpeg_of_size(height, width):
    """A progressive JPEG that says it is of another size."""
    photo_bytes = ENCODED["jpeg_progressive"]
    place = photo_bytes.index(b"\xff\xc2\0\x11\x08") + 5
    return photo_bytes[:place] + struct.pack(">HH", height, width) + photo_bytes[place + 4 :]


def test_jpeg_with_too_few_bytes_for_its_size_is_refused():
    # Decoded, a few hundred bytes would take 600 MB.
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"enough bytes for its size") as error:
        DECODE(jpeg_of_size(9_999, 9_998), SIZE)
    assert "9999 9998" in str(error.value)


def test_blank_jpeg_has_enough_bytes_for_its_size():
    blank = encode(Image.new("L", (4000, 3000)), "JPEG", progressive=True, optimize=True)
    np.testing.assert_array_equal(DECODE(blank, SIZE), np.zeros([SIZE, SIZE, 3]))


def test_jpeg_of_many_scans_is_refused():
    # Each passes all of the photo: at 100 megapixels, a second for 100 scans of 10 bytes.
    photo_bytes = ENCODED["jpeg_progressive"]
    last_scan = photo_bytes[photo_bytes.rindex(b"\xff\xda") : -2]
    assert DECODE(photo_bytes[:-2] + 80 * last_scan + b"\xff\xd9", SIZE).shape == [SIZE, SIZE, 3]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"at most 100 scans"):
        DECODE(photo_bytes[:-2] + 120 * last_scan + b"\xff\xd9", SIZE)


def png_with_texts(count, name):
    data = name + b"key\0" + {b"zTXt": b"\0", b"iTXt": b"\1\0\0\0"}[name] + zlib.compress(b"text")
    chunk = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return ENCODED["png"][:33] + count * chunk + ENCODED["png"][33:]


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt"])
def test_png_of_many_packed_texts_is_refused(name):
    # Each may take 30 ms to unpack, and libpng unpacks a thousand.
    assert differs_by(DECODE(png_with_texts(64, name), SIZE), DECODE(ENCODED["png"], SIZE)) == 0
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"at most 64 packed texts"):
        DECODE(png_with_texts(65, name), SIZE)


def test_frames_behind_the_first_are_not_decoded():
    frame = ENCODED["gif"][:-1]
    bomb = frame + gif_of_frames((60_000, 60_000))[19:]
    assert differs_by(DECODE(bomb, SIZE, "crop"), DECODE(ENCODED["gif"], SIZE, "crop")) == 0


@pytest.mark.parametrize("size", [(900, 700), (1601, 1203), (803, 1999)])
def test_reduced_scale_is_near_the_whole_photo(size):
    photo = draw_photo(*size).resize(size, Image.BICUBIC)
    photo_bytes = encode(photo, "JPEG", quality=95)
    expected = pillow_resize(pillow_photo(photo_bytes), SIZE, "crop")
    actual = DECODE(photo_bytes, SIZE, "crop")
    assert np.abs(actual - expected).mean() < 0.5
    assert differs_by(actual, expected) < 4


@pytest.mark.parametrize("name", BROKEN)
def test_broken_photo_raises(name):
    with pytest.raises(tf.errors.InvalidArgumentError):
        DECODE(BROKEN[name], SIZE)


def test_error_says_what_came():
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"Expected a JPEG, PNG, WebP"
    ) as error:
        decode_photo(b"a photo")
    assert re.search(r"\b7\b.*bytes that begin.*97,? 32,? 112", str(error.value), re.DOTALL)


def good_and_broken():
    """Alternating, and which are good."""
    good, broken = list(ENCODED.values()), list(BROKEN.values())
    photo_bytes = [one for pair in zip(good, broken, strict=False) for one in pair]
    return photo_bytes, [True, False] * (len(photo_bytes) // 2)


def check_batch(photos, valid):
    photo_bytes, expected_valid = good_and_broken()
    assert np.asarray(valid).tolist() == expected_valid
    for one, photo, is_valid in zip(photo_bytes, photos, valid, strict=True):
        expected = DECODE(one, SIZE, "crop") if is_valid else np.float32(MEAN_COLOUR)
        assert differs_by(photo, expected) == 0


def test_broken_photos_leave_their_batch_whole():
    check_batch(*decode_photos(good_and_broken()[0], SIZE))


def test_batch_in_a_function():
    function = tf.function(lambda batch: decode_photos(batch, SIZE))
    check_batch(*function(tf.constant(good_and_broken()[0])))


def test_batch_in_a_dataset():
    dataset = tf.data.Dataset.from_tensors(good_and_broken()[0]).repeat(2)
    dataset = dataset.map(lambda batch: decode_photos(batch, SIZE), num_parallel_calls=2)
    assert dataset.element_spec[0].shape == [2 * len(BROKEN), SIZE, SIZE, 3]
    for photos, valid in dataset:
        check_batch(photos, valid)


def test_batch_in_a_saved_model(tmp_path):
    module = tf.Module()
    module.decode = tf.function(
        lambda batch: decode_photos(batch, SIZE),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )
    tf.saved_model.save(module, tmp_path)
    loaded = tf.saved_model.load(tmp_path)
    check_batch(*loaded.decode(tf.constant(good_and_broken()[0])))
    assert loaded.decode(tf.zeros([0], tf.string))[0].shape == [0, SIZE, SIZE, 3]
    assert loaded.decode(tf.constant([b"a photo"]))[1].numpy().tolist() == [False]


def test_one_photo_in_a_dataset():
    dataset = tf.data.Dataset.from_tensors(ENCODED["gif"]).map(lambda one: decode_photo(one, SIZE))
    assert dataset.element_spec.shape == [SIZE, SIZE, 3]
    assert differs_by(next(iter(dataset)), DECODE(ENCODED["gif"], SIZE, "crop")) == 0


@pytest.mark.parametrize("count", [0, 1, 5])
def test_batch_without_a_photo(count):
    photos, valid = decode_photos(tf.fill([count], b"a photo"), SIZE)
    assert photos.shape == [count, SIZE, SIZE, 3]
    assert valid.shape == [count]
    assert not np.any(valid)
    np.testing.assert_array_equal(photos, np.full(photos.shape, MEAN_COLOUR, np.float32))


def mutate(photo_bytes, generator):
    """Some bytes changed, mostly in the header, and sometimes a cut or a doubling."""
    changed = bytearray(photo_bytes)
    for _ in range(generator.integers(1, 8)):
        reach = len(changed) if generator.random() < 0.3 else min(len(changed), 64)
        changed[generator.integers(reach)] = generator.integers(256)
    start, stop = sorted(generator.integers(len(changed), size=2))
    edits = [bytes(changed), bytes(changed[:stop]), bytes(changed[:stop] + changed[start:])]
    return edits[generator.choice(3, p=[0.7, 0.15, 0.15])]


def test_mutated_files_never_raise():
    generator = np.random.default_rng(7)
    sources = [*ENCODED.values(), *(encode(PHOTO, "JPEG", exif=exif(6, order)) for order in "<>")]
    mutated = [mutate(photo_bytes, generator) for photo_bytes in sources for _ in range(16)]
    photos, valid = decode_photos(mutated, SIZE, max_pixels=1_000_000)
    assert 0.1 < np.mean(valid) < 0.9
    assert np.isfinite(photos).all()
    assert np.min(photos) >= 0
    assert np.max(photos) <= 255.001


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resize": "stretch"}, "Expected resize to be .* Received: resize='stretch'"),
        ({"image_size": 0}, "Expected image_size to be at least 1. Received: image_size=0"),
        ({"image_size": -224}, "Received: image_size=-224"),
        ({"max_pixels": 0}, "Expected max_pixels to be at least 1. Received: max_pixels=0"),
    ],
)
def test_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        decode_photo(ENCODED["png"], **arguments)
    with pytest.raises(ValueError, match=message):
        decode_photos([ENCODED["png"]], **arguments)


def test_invalid_shapes():
    with pytest.raises(ValueError, match=r"Expected photo_bytes of rank 0. Received: shape=\(1,\)"):
        decode_photo([ENCODED["png"]])
    with pytest.raises(ValueError, match=r"Expected photo_bytes of rank 1. Received: shape=\(\)"):
        decode_photos(ENCODED["png"])
    with pytest.raises(ValueError, match=r"Expected pixels \[H, W, 3\] or .* shape=\(3, 224\)"):
        resize_photo(tf.zeros([3, 224]), SIZE)
