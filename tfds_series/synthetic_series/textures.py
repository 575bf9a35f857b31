"""Textures with the statistics of natural surfaces, cut from tiles that are made only once."""

from __future__ import annotations

import colorsys
import functools

import numpy as np
from PIL import Image, ImageDraw

_EDGE = 512
_SLOPES = {"rough": 0.6, "earth": 0.9, "natural": 1.1, "soft": 1.4, "cloud": 1.8}
# Ratio of a texture's scale along x to its scale along y.
_STRETCH = {"water": 6.0, "wood": 14.0, "grass": 0.25, "bark": 0.12}
_PATCHED = ("leaves", "pebbles", "patches")
NAMES = (*_SLOPES, *_STRETCH, "carpet", "fabric", "marble", "rock", *_PATCHED)


def texture(
    rng: np.random.Generator, name: str, size: tuple[int, int], zoom: float = 1.0
) -> np.ndarray:
    """Cuts a random piece of a texture.

    Args:
        rng: Generator that chooses the piece.
        name: String, one of `NAMES`.
        size: Width and height of the piece in pixels.
        zoom: Float, magnification of the texture. Defaults to 1.

    Returns:
        Float32 array `[height, width]` with a mean of about 0 and a standard deviation of about 1.
    """
    tile = _tile(name)
    width, height = size
    cut_width = min(_EDGE, max(2, width / zoom))
    cut_height = min(_EDGE, max(2, height / zoom))
    x = rng.uniform(0, _EDGE - cut_width)
    y = rng.uniform(0, _EDGE - cut_height)
    box = (x, y, x + cut_width, y + cut_height)
    piece = np.asarray(tile.resize((width, height), Image.Resampling.BILINEAR, box))
    return piece[:, ::-1] if rng.random() < 0.5 else piece


def surface(
    rng: np.random.Generator,
    size: tuple[int, int],
    colour: np.ndarray,
    name: str,
    contrast: float = 0.2,
    zoom: float = 1.0,
) -> np.ndarray:
    """Returns a textured surface whose colour varies with its brightness.

    Args:
        rng: Generator of the texture and the variation.
        size: Width and height in pixels.
        colour: Float array `[3]`, RGB in [0, 1].
        name: String, one of `NAMES`.
        contrast: Float, strength of the texture. Defaults to 0.2.
        zoom: Float, magnification of the texture. Defaults to 1.

    Returns:
        Float32 array `[height, width, 3]`, RGB.
    """
    light = texture(rng, name, size, zoom)[..., None]
    second = np.clip(colour + rng.normal(0, 0.05, 3), 0, 1).astype(np.float32)
    mix = np.clip(0.5 + 0.35 * texture(rng, "soft", size)[..., None], 0, 1)
    base = colour + mix * (second - colour)
    return (base * np.clip(1 + contrast * light, 0.02, 2.5)).astype(np.float32)


def random_colour(
    rng: np.random.Generator,
    saturation: tuple[float, float] = (0.03, 0.6),
    value: tuple[float, float] = (0.15, 0.9),
    hue: tuple[float, float] = (0.0, 1.0),
) -> np.ndarray:
    """Draws a colour from ranges of hue, saturation and value.

    Args:
        rng: Generator of the colour.
        saturation: Range of the saturation in [0, 1]. Defaults to (0.03, 0.6).
        value: Range of the value, in which 1 is brightest. Defaults to (0.15, 0.9).
        hue: Range of the hue as a fraction of the colour circle. Hues outside [0, 1] wrap around.
            Defaults to (0, 1).

    Returns:
        Float32 array `[3]`, RGB in [0, 1] if the value is at most 1.
    """
    parts = [rng.uniform(*hue) % 1.0, rng.uniform(*saturation), rng.uniform(*value)]
    return np.asarray(colorsys.hsv_to_rgb(*parts), np.float32)


@functools.cache
def _tile(name: str) -> Image.Image:
    rng = np.random.default_rng([20200504, NAMES.index(name)])
    if name in _PATCHED:
        pixels = _patches(rng, name)
    elif name == "carpet":
        pixels = _noise(rng, 0.9, 1.0, low_cut=1 / 14) + 0.3 * _noise(rng, 1.2, 1.0)
    elif name == "fabric":
        y, x = np.mgrid[:_EDGE, :_EDGE]
        weave = np.sin(x * 1.1) * (y // 6 % 2) + np.sin(y * 1.1) * (x // 6 % 2)
        pixels = weave + 0.8 * _noise(rng, 0.7, 1.0)
    elif name == "marble":
        pixels = np.sin(3.5 * _noise(rng, 1.5, 1.0)) + 0.2 * _noise(rng, 0.7, 1.0)
    elif name == "rock":
        pixels = -np.abs(_noise(rng, 1.3, 1.0)) + 0.4 * _noise(rng, 0.9, 1.0)
    else:
        pixels = _noise(rng, _SLOPES.get(name, 0.9), _STRETCH.get(name, 1.0))
    pixels = (pixels - pixels.mean()) / pixels.std()
    return Image.fromarray(np.clip(pixels, -3, 3).astype(np.float32))


def _noise(
    rng: np.random.Generator, slope: float, stretch: float, low_cut: float = 0.0
) -> np.ndarray:
    """Returns noise `[edge, edge]` whose amplitude falls as 1 / frequency^slope."""
    y = np.fft.fftfreq(_EDGE)[:, None]
    x = np.fft.rfftfreq(_EDGE)[None, :]
    frequency = np.sqrt(y * y / stretch + x * x * stretch)
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((_EDGE, _EDGE)))
    spectrum *= frequency**-slope * (frequency > low_cut)
    pixels = np.fft.irfft2(spectrum, (_EDGE, _EDGE))
    return pixels / pixels.std()


def _patches(rng: np.random.Generator, name: str) -> np.ndarray:
    """Returns overlapping opaque patches of many sizes (the dead-leaves model), lightly grained."""
    image = Image.new("F", (_EDGE, _EDGE))
    draw = ImageDraw.Draw(image)
    count, smallest, largest = {
        "leaves": (9000, 3, 14), "pebbles": (2500, 5, 18), "patches": (3000, 3, 120)
    }[name]  # fmt: skip
    # Radii have a density of r^-3 between the bounds, as in scale-invariant scenes.
    uniform = rng.random(count)
    radii = (smallest**-2 - uniform * (smallest**-2 - largest**-2)) ** -0.5
    centres = rng.uniform(-20, _EDGE + 20, (count, 2))
    tones = rng.normal(0, 1, count)
    for (x, y), radius, tone in zip(centres, radii, tones, strict=True):
        ry = radius * rng.uniform(0.4, 1.0)
        draw.ellipse((x - radius, y - ry, x + radius, y + ry), fill=float(tone))
    return np.asarray(image) + 0.25 * _noise(rng, 0.9, 1.0)
