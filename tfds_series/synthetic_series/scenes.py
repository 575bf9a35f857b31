"""Draws scenes with the image statistics and the subjects of snapshots.

`draw_scene` paints a backdrop, often out of focus, and a complete subject in the middle. It then
gives the picture the white balance, contrast and vignette of a photograph. Only NumPy and Pillow
are used, and the same generator state gives the same scene.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageFilter

from tfds_series.synthetic_series import backdrops, subjects, textures
from tfds_series.synthetic_series.canvas import Canvas, blob, box, rotated
from tfds_series.synthetic_series.textures import random_colour

_ASPECTS = ((4, 3), (3, 2), (16, 9), (1, 1), (3, 4), (2, 3), (9, 16))
_ASPECT_CHANCES = (0.34, 0.22, 0.06, 0.08, 0.16, 0.11, 0.03)


def draw_scene(rng: np.random.Generator, edge: int) -> np.ndarray:
    """Draws a random scene.

    Args:
        rng: Generator that determines the scene.
        edge: Integer, longer edge in pixels.

    Returns:
        Array `[H, W, 3]`, uint8, RGB, in one of the usual aspect ratios, landscape or portrait.
    """
    across, down = _ASPECTS[rng.choice(len(_ASPECTS), p=_ASPECT_CHANCES)]
    scale = edge / max(across, down)
    canvas = Canvas(round(across * scale), round(down * scale), rng)
    names = list(COMPOSITIONS)
    chances = np.asarray([COMPOSITIONS[name][1] for name in names], float)
    COMPOSITIONS[names[rng.choice(len(names), p=chances / chances.sum())]][0](canvas)
    return develop(canvas.pixels, rng)


def develop(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gives a picture the exposure, white balance, contrast, vignette and softness of a photo.

    Args:
        pixels: Float array `[H, W, 3]`, RGB, with values from about 0 to 1.
        rng: Generator of the photo's settings.

    Returns:
        Array `[H, W, 3]`, uint8, RGB.
    """
    low, high = np.percentile(pixels[::3, ::3], (1, 99))
    black, white = rng.uniform(0.0, 0.1), rng.uniform(0.84, 1.06)
    if rng.random() < 0.1:  # Fog or night.
        black, white = (0.25, 0.9) if rng.random() < 0.5 else (0.0, 0.6)
    pixels = np.clip((pixels - low) / max(high - low, 0.05), 0, 1.3) * (white - black) + black
    mean = float(np.clip(pixels.mean(), 0.02, 0.98))
    target = mean + (rng.uniform(0.28, 0.64) - mean) * rng.uniform(0.5, 1.0)
    pixels = np.clip(pixels, 0, 1) ** float(np.clip(np.log(target) / np.log(mean), 0.55, 1.8))
    curve = rng.uniform(-0.15, 0.35)
    pixels = pixels + curve * (pixels - 0.5) * pixels * (1 - pixels) * 4
    pixels = pixels * (1 + rng.normal(0, 0.03, 3).astype(np.float32))
    grey = pixels.mean(-1, keepdims=True)
    pixels = grey + (pixels - grey) * (0 if rng.random() < 0.04 else rng.uniform(0.45, 1.15))
    pixels = pixels * _vignette(pixels.shape, rng.uniform(0, 0.22))
    photo = Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8))
    return np.asarray(photo.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9))))


def landscape(canvas: Canvas) -> None:
    """Paints sky, hills and land, with trees, houses or boats, and often a subject."""
    rng = canvas.rng
    horizon = canvas.height * rng.uniform(0.3, 0.7)
    backdrops.sky(canvas, horizon)
    if rng.random() < 0.75:
        backdrops.hills(canvas, horizon)
    backdrops.ground(canvas, horizon)
    if rng.random() < 0.25:  # Mist, thickest at the horizon.
        rows = np.abs(np.arange(canvas.height) - horizon) / canvas.unit
        canvas.haze(random_colour(rng, (0, 0.15), (0.6, 0.95)),
                    (np.exp(-rows * 5) * 0.8)[:, None, None].astype(np.float32))  # fmt: skip
    for _ in range(rng.integers(0, 6)):
        painter = rng.choice([subjects.tree, subjects.conifer, subjects.house, subjects.boat])
        painter(canvas, rng.uniform(0, canvas.width), horizon + rng.uniform(0, 0.08) * canvas.unit,
                canvas.unit * rng.uniform(0.08, 0.3))  # fmt: skip
    if rng.random() < 0.75:
        canvas.blur(rng.choice([0, 0, 0.5, 1.0]))
        _subject(canvas, subjects.OUTDOORS, 0.45, 0.8)
    if rng.random() < 0.3:
        backdrop = backdrops.ridge(canvas, canvas.height, canvas.unit * 0.2, 0.8)
        canvas.paint(backdrop, random_colour(rng, (0.1, 0.5), (0.05, 0.3)), grain="rock",
                     contrast=0.4)  # fmt: skip


def city(canvas: Canvas) -> None:
    """Paints a street with cars, people and other subjects."""
    rng = canvas.rng
    night = rng.random() < 0.15
    horizon = canvas.height * rng.uniform(0.5, 0.75)
    backdrops.sky(canvas, horizon, night)
    backdrops.street(canvas, horizon, night)
    canvas.blur(rng.choice([0, 0, 0, 0.7, 2.0]))
    for _ in range(rng.integers(0, 4)):
        painter = rng.choice([subjects.person, subjects.car, subjects.tree])
        painter(canvas, rng.uniform(0, canvas.width), horizon + 0.06 * canvas.unit,
                canvas.unit * rng.uniform(0.15, 0.3))  # fmt: skip
    kinds = (subjects.person, subjects.car, subjects.sign, subjects.tree, subjects.animal)
    _subject(canvas, kinds, 0.4, 0.75)


def interior(canvas: Canvas) -> None:
    """Paints a room with a person, an animal or an object."""
    rng = canvas.rng
    backdrops.room(canvas, canvas.height * rng.uniform(0.55, 0.8))
    canvas.blur(rng.choice([0, 0, 0.7, 2.0, 4.0]))
    kinds = (subjects.person, subjects.vessel, subjects.animal, subjects.bust, subjects.flower)
    _subject(canvas, kinds, 0.45, 0.8)


def portrait(canvas: Canvas) -> None:
    """Paints one to three large people against an out-of-focus background."""
    rng = canvas.rng
    _any_backdrop(canvas)
    canvas.blur(rng.choice([0.5, 2, 4, 7, 10]) * canvas.unit / 300)
    count = int(rng.choice([1, 1, 1, 2, 3]))
    height = canvas.unit * rng.uniform(0.75, 1.0) / count**0.5
    for index in range(count):
        x = canvas.width / 2 + (index - (count - 1) / 2) * height * 0.62
        x += rng.normal(0, 0.04) * canvas.unit
        top = canvas.height * rng.uniform(0.1, 0.3)
        y = max(top + height * rng.uniform(0.9, 1.05), canvas.height * 1.02)
        subjects.bust(canvas, x, y, min(y - top, canvas.unit * 1.2))


def still_life(canvas: Canvas) -> None:
    """Paints objects on a table."""
    rng = canvas.rng
    edge = canvas.height * rng.uniform(0.05, 0.65)
    _any_backdrop(canvas)
    canvas.blur(rng.choice([1, 3, 6, 10]) * canvas.unit / 300)
    backdrops.planks(canvas, edge)
    for _ in range(rng.integers(0, 5)):
        painter = rng.choice(subjects.INDOORS)
        y = edge + rng.uniform(0.05, 0.4) * (canvas.height - edge)
        painter(canvas, rng.uniform(0, canvas.width), y, canvas.unit * rng.uniform(0.15, 0.4))
    canvas.blur(rng.choice([0, 0, 0.8, 2.5]))
    _subject(canvas, subjects.INDOORS, 0.4, 0.7)


def close_up(canvas: Canvas) -> None:
    """Paints a flower, an animal, a person or an object against an out-of-focus background."""
    rng = canvas.rng
    backdrops.foliage(canvas) if rng.random() < 0.7 else backdrops.dead_leaves(canvas)
    canvas.blur(rng.choice([0.5, 3, 6, 10]) * canvas.unit / 300)
    kinds = (subjects.flower, subjects.animal, subjects.ball, subjects.bust, subjects.vessel)
    _subject(canvas, kinds, 0.55, 0.85)


def forest(canvas: Canvas) -> None:
    """Paints trunks and leaves, often with a subject among them."""
    backdrops.foliage(canvas)
    if canvas.rng.random() < 0.6:
        _subject(canvas, subjects.OUTDOORS, 0.4, 0.75)


def flat_art(canvas: Canvas) -> None:
    """Paints a picture, board or poster on the ground, a carpet or a wall, often rotated."""
    rng = canvas.rng
    name = str(rng.choice(["carpet", "wood", "fabric", "rough", "marble", "pebbles", "grass"]))
    size = (canvas.width, canvas.height)
    contrast, zoom = rng.uniform(0.06, 0.2), rng.uniform(0.6, 1.5)
    canvas.pixels[:] = textures.surface(rng, size, random_colour(rng), name, contrast, zoom)
    half_w = min(canvas.width, canvas.height * 1.4) * rng.uniform(0.25, 0.42)
    half_h = min(canvas.height, canvas.width * 1.4) * rng.uniform(0.25, 0.42)
    centre = (canvas.width * rng.uniform(0.45, 0.55), canvas.height * rng.uniform(0.45, 0.55))
    degrees = 0.0 if rng.random() < 0.5 else rng.uniform(-90, 90)
    sheet = box(-half_w, -half_h, half_w, half_h) + centre
    sheet += rng.normal(0, 0.03, (4, 2)) * canvas.unit
    sheet = rotated(sheet, degrees, centre)
    canvas.shadow(sheet, canvas.unit * 0.04, canvas.unit * 0.015, 0.5)
    canvas.paint((sheet - centre) * 1.04 + centre, subjects.cloth(rng))
    canvas.paint(sheet, random_colour(rng, (0.2, 0.9), (0.3, 0.95)), grain=str(
        rng.choice(["water", "patches", "soft", "marble"])), contrast=0.12, shade=0.1)  # fmt: skip
    _figures(canvas, centre, half_w, half_h, degrees)


def _figures(
    canvas: Canvas, centre: tuple[float, float], half_w: float, half_h: float, degrees: float
) -> None:
    """Paints cartoon figures and lettering on a sheet, rotated with it."""
    rng = canvas.rng
    for _ in range(rng.integers(4, 13)):
        place = np.asarray([[rng.uniform(-0.75, 0.75) * half_w, rng.uniform(-0.75, 0.75) * half_h]])
        x, y = rotated(place + centre, degrees, centre)[0]
        size = canvas.unit * rng.uniform(0.02, 0.09)
        outline = np.float32([0.05, 0.05, 0.08])
        for dx, dy, share in ((0, 0, 1), (0, -1.2, 0.65), (-0.9, 0.3, 0.4), (0.9, 0.3, 0.4)):
            part = blob(rng, x + dx * size, y + dy * size, size * share, size * share * 0.85, 0.1)
            part = rotated(part, degrees, (x, y))
            canvas.paint((part - part.mean(0)) * 1.12 + part.mean(0), outline)
            canvas.paint(part, random_colour(rng, (0.4, 1), (0.4, 1)))
    if rng.random() < 0.6:
        canvas.letters(subjects.word(rng), *centre, canvas.unit * rng.uniform(0.06, 0.15),
                       subjects.cloth(rng), degrees)  # fmt: skip


def abstract(canvas: Canvas) -> None:
    """Paints overlapping shapes of all sizes, in half the scenes with a subject."""
    backdrops.dead_leaves(canvas)
    if canvas.rng.random() < 0.5:
        canvas.blur(canvas.rng.choice([0, 1, 4]))
        _subject(canvas, subjects.OUTDOORS + subjects.INDOORS, 0.5, 0.75)


# Painter and relative frequency of each kind of scene.
COMPOSITIONS = {
    "landscape": (landscape, 3.0),
    "city": (city, 2.5),
    "interior": (interior, 2.5),
    "portrait": (portrait, 2.5),
    "still_life": (still_life, 2.0),
    "close_up": (close_up, 1.5),
    "forest": (forest, 1.0),
    "flat_art": (flat_art, 2.5),
    "abstract": (abstract, 1.0),
}


def _any_backdrop(canvas: Canvas) -> None:
    rng = canvas.rng
    kind, horizon = rng.integers(4), canvas.height * rng.uniform(0.4, 0.8)
    if kind == 0:
        backdrops.room(canvas, horizon)
    elif kind == 1:
        backdrops.sky(canvas, horizon)
        backdrops.street(canvas, horizon)
    elif kind == 2:
        backdrops.foliage(canvas)
    else:
        name = str(rng.choice(["soft", "marble", "cloud", "patches", "wood"]))
        size = (canvas.width, canvas.height)
        canvas.pixels[:] = textures.surface(rng, size, random_colour(rng), name, 0.15, 2.0)


def _subject(
    canvas: Canvas,
    painters: Sequence[Callable[[Canvas, float, float, float], None]],
    smallest: float,
    largest: float,
) -> None:
    """Paints a complete subject in the middle, or two or three of the same kind side by side."""
    rng = canvas.rng
    painter = painters[rng.integers(len(painters))]
    height = canvas.unit * rng.uniform(smallest, largest)
    if painter is subjects.car:
        height *= 0.5
    y = canvas.height / 2 + height * rng.uniform(0.4, 0.55)
    count = int(rng.choice([1, 1, 1, 2, 3]))
    for index in range(count):
        x = canvas.width / 2 + (index - (count - 1) / 2) * height * 0.6
        x += rng.normal(0, 0.05) * canvas.unit
        painter(canvas, x, y + rng.normal(0, 0.02) * height, height * rng.uniform(0.85, 1.05))


def _vignette(shape: tuple[int, ...], strength: float) -> np.ndarray:
    y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None, None]
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :, None]
    return 1 - strength * (x * x + y * y) / 2
