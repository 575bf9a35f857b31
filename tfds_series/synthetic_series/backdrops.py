"""Painters of backgrounds and floors: skies, land, streets, rooms, tables and foliage.

Each takes the canvas to paint on. `horizon` and `floor` are y coordinates in pixels from the top.
"""

from __future__ import annotations

import numpy as np

from tfds_series.synthetic_series import subjects, textures
from tfds_series.synthetic_series.canvas import Canvas, blob, box, ellipse, stroke
from tfds_series.synthetic_series.textures import random_colour


def sky(canvas: Canvas, horizon: float, night: bool = False) -> None:
    """Paints a sky with clouds from the top of the canvas to the horizon.

    Args:
        canvas: Canvas to paint on.
        horizon: Float, y coordinate of the horizon in pixels.
        night: Boolean, whether to darken the sky. Defaults to `False`.
    """
    rng, height = canvas.rng, max(2, int(horizon) + 2)
    top, low = random_colour(rng, (0.1, 0.7), (0.4, 0.9), (0.53, 0.64)), None
    kind = rng.choice(["blue", "grey", "dusk"], p=[0.5, 0.3, 0.2])
    low = np.clip(top * 0.5 + 0.5, 0, 1)
    if kind == "grey":
        top, low = random_colour(rng, (0, 0.1), (0.5, 0.85)), random_colour(rng, (0, 0.1), (0.7, 1))
    elif kind == "dusk":
        low = random_colour(rng, (0.3, 0.8), (0.7, 1), (0.0, 0.12))
    if night:
        top, low = top * 0.08, low * rng.uniform(0.1, 0.25)
    blend = np.linspace(0, 1, height, dtype=np.float32)[:, None, None] ** rng.uniform(0.6, 1.6)
    fill = np.broadcast_to(top + blend * (low - top), (height, canvas.width, 3)).copy()
    cloud = textures.texture(rng, "cloud", (canvas.width, height), rng.uniform(0.6, 1.5))
    fine = textures.texture(rng, "soft", (canvas.width, height))
    cover = np.clip(cloud + 0.25 * fine + rng.uniform(-1.5, 0.6), 0, 1)[..., None]
    white = np.clip(low * 0.5 + 0.5, 0, 1) * (0.2 if night else rng.uniform(0.85, 1.05))
    fill += (white * (1 - 0.15 * fine[..., None]) - fill) * cover * rng.uniform(0.3, 0.9)
    canvas.pixels[:height] = fill[: canvas.height]


def ridge(canvas: Canvas, base: float, height: float, roughness: float) -> np.ndarray:
    """Returns the outline of a random chain of hills or mountains.

    Args:
        canvas: Canvas that the outline has to span.
        base: Float, y coordinate of the foot of the hills in pixels.
        height: Float, height of the highest peak over the foot in pixels.
        roughness: Float. Low values give hills and values near 1 mountains.

    Returns:
        Float array of points `[131, 2]` in pixels, closed below the canvas.
    """
    rng, steps = canvas.rng, np.arange(129)
    spectrum = rng.normal(size=65) + 1j * rng.normal(size=65)
    spectrum *= np.maximum(np.arange(65), 1.0) ** -(2.3 - roughness)
    spectrum[0] = 0
    line = np.fft.irfft(spectrum, 129)
    line = (line - line.min()) / max(1e-9, np.ptp(line))
    x = steps / 128 * canvas.width * 1.04 - 0.02 * canvas.width
    points = np.stack([x, base - height * line], axis=-1)
    return np.vstack([points, box(-20, 0, canvas.width + 20, canvas.height + 20)[2:]])


def hills(canvas: Canvas, horizon: float) -> None:
    """Paints ridges behind one another, which get paler with distance."""
    rng = canvas.rng
    colour = random_colour(rng, (0.1, 0.5), (0.15, 0.5), (0.08, 0.6))
    air = random_colour(rng, (0.03, 0.3), (0.6, 0.9), (0.5, 0.65))
    count = int(rng.integers(1, 5))
    snow = rng.random() < 0.3
    for layer in range(count):
        far = 1 - (layer + 1) / (count + 1)
        tall = canvas.unit * rng.uniform(0.08, 0.45) * (0.4 + far)
        outline = ridge(canvas, horizon + canvas.unit * 0.02 * layer, tall, rng.uniform(0.3, 1.0))
        tone = colour + (air - colour) * far * rng.uniform(0.5, 1)
        canvas.paint(outline, tone, grain=str(rng.choice(["rock", "earth", "leaves", "natural"])),
                     contrast=0.3 * (1.1 - far), zoom=rng.uniform(0.5, 1.2), shade=0.1)  # fmt: skip
        if snow and layer == 0:
            fill = textures.surface(rng, (canvas.width, canvas.height), np.float32([0.9, 0.92, 1]),
                                    "rock", 0.3)  # fmt: skip
            peak = outline[:129, 1].min()
            fill = np.where((np.arange(canvas.height) < peak + tall * 0.4)[:, None, None], fill,
                            canvas.pixels)  # fmt: skip
            canvas.paint_pixels(outline, fill)


def ground(canvas: Canvas, horizon: float, name: str | None = None) -> None:
    """Paints land or water from the horizon to the bottom, with finer texture in the distance.

    Args:
        canvas: Canvas to paint on.
        horizon: Float, y coordinate of the horizon in pixels.
        name: Name of the texture. Defaults to `None`, a random one.
    """
    rng, height = canvas.rng, int(canvas.height - horizon) + 1
    if height < 2:
        return
    hue, names = [
        ((0.18, 0.33), ["grass", "leaves", "rough"]), ((0.06, 0.13), ["earth", "pebbles", "rock"]),
        ((0.5, 0.6), ["water"]), ((0.0, 1.0), ["rough", "earth", "natural"]),
    ][rng.integers(4)]  # fmt: skip
    name = name or str(rng.choice(names))
    value = (0.75, 0.98) if rng.random() < 0.12 else (0.15, 0.65)
    colour = random_colour(rng, (0.05, 0.6 if value[0] < 0.5 else 0.1), value, hue)
    flat = textures.surface(rng, (canvas.width, 512), colour, name, rng.uniform(0.12, 0.35))
    depth = np.linspace(0, 1, height) ** rng.uniform(0.45, 0.8)
    fill = flat[(depth * 511).astype(int)]
    fade = np.linspace(0.35, 0, height, dtype=np.float32)[:, None, None]
    fill = fill + (fill.mean((0, 1)) * 0.7 + 0.3 - fill) * fade
    canvas.pixels[canvas.height - height :] = fill


def street(canvas: Canvas, horizon: float, night: bool = False) -> None:
    """Paints a road with poles and buildings along the horizon.

    Args:
        canvas: Canvas to paint on.
        horizon: Float, y coordinate of the horizon in pixels.
        night: Boolean, whether walls are dark and windows and lamps lit. Defaults to `False`.
    """
    rng, x = canvas.rng, -rng_step(canvas)
    ground(canvas, horizon, "rough")
    while x < canvas.width:
        width = canvas.unit * rng.uniform(0.15, 0.5)
        top = horizon - canvas.unit * rng.uniform(0.15, 0.75)
        wall = random_colour(rng, (0.02, 0.45), (0.25, 0.9), (-0.03, 0.15))
        wall = wall * (0.15 if night else 1)
        subjects.facade(canvas, x, top, x + width, horizon + 3, wall, lit=night)
        x += width * rng.uniform(0.95, 1.3)
    for _ in range(rng.integers(0, 4)):
        place, top = rng.uniform(0, canvas.width), horizon - canvas.unit * rng.uniform(0.3, 0.7)
        pole = stroke(place, horizon + canvas.unit * 0.1, place, top, 3.5, 2.5)
        canvas.paint(pole, np.float32([0.2, 0.2, 0.2]) * rng.uniform(0.3, 3))
        if night:
            lamp = ellipse(place, top, canvas.unit * 0.02, canvas.unit * 0.02)
            canvas.paint(lamp * 1.0, np.float32([1.2, 1.0, 0.6]), soften=2.5)
    vanish = canvas.width * rng.uniform(0.2, 0.8)
    for end in rng.uniform(-0.5, 1.5, 3) * canvas.width:
        canvas.paint(stroke(vanish, horizon, end, canvas.height, 0.8, 7),
                     np.float32([0.8] * 3) * (0.3 if night else 1))  # fmt: skip


def rng_step(canvas: Canvas) -> float:
    """Returns how many pixels left of the canvas a row of buildings starts, chosen at random."""
    return float(canvas.rng.uniform(0, 0.3) * canvas.unit)


def room(canvas: Canvas, floor: float) -> None:
    """Paints a wall with a skirting board, a floor, and up to three furnishings."""
    rng = canvas.rng
    wall = random_colour(rng, (0.02, 0.4), (0.3, 0.95))
    grain = str(rng.choice(["soft", "rough", "natural", "fabric"]))
    canvas.paint(box(-9, -9, canvas.width + 9, canvas.height + 9), wall, grain=grain,
                 contrast=rng.uniform(0.02, 0.1), shade=0.25)  # fmt: skip
    if rng.random() < 0.3:  # Wallpaper or panels.
        pitch, tone = canvas.unit * rng.uniform(0.04, 0.2), wall * rng.uniform(0.8, 1.15)
        for x in np.arange(0, canvas.width, pitch):
            canvas.paint(box(x, 0, x + pitch * rng.uniform(0.1, 0.15), floor), tone)
    planks(canvas, floor)
    canvas.paint(box(-9, floor - canvas.unit * 0.03, canvas.width + 9, floor),
                 np.clip(wall * 1.2, 0, 1))  # fmt: skip
    for _ in range(rng.integers(0, 4)):
        furnish(canvas, floor)


def planks(canvas: Canvas, floor: float) -> None:
    """Paints a floor or table top, sometimes with seams that run towards a vanishing point."""
    rng = canvas.rng
    colour = random_colour(rng, (0.1, 0.6), (0.15, 0.75), (0.03, 0.12))
    if rng.random() < 0.3:
        colour = random_colour(rng, (0.0, 0.3), (0.2, 0.9))
    grain = str(rng.choice(["wood", "carpet", "marble", "rough", "fabric", "natural"]))
    plane = box(-9, floor, canvas.width + 9, canvas.height + 9)
    canvas.paint(plane, colour, grain=grain, contrast=rng.uniform(0.08, 0.22), shade=0.2)
    if rng.random() < 0.5:
        vanish = canvas.width / 2, floor - canvas.unit * rng.uniform(0.2, 0.6)
        for end in np.arange(-1.5, 2.5, rng.uniform(0.1, 0.3)) * canvas.width:
            share = (floor - vanish[1]) / (canvas.height - vanish[1])
            start = vanish[0] + (end - vanish[0]) * share
            seam = stroke(start, floor, end, canvas.height, 0.8, 2.0)
            canvas.paint(seam, colour * 0.6)


def furnish(canvas: Canvas, floor: float) -> None:
    """Paints a window, a picture, a shelf or a cupboard."""
    rng, unit = canvas.rng, canvas.unit
    kind, x = rng.integers(4), rng.uniform(0, canvas.width)
    w, h = unit * rng.uniform(0.1, 0.28), unit * rng.uniform(0.12, 0.3)
    y = floor - unit * rng.uniform(0.3, 0.6)
    wood = random_colour(rng, (0.0, 0.5), (0.1, 0.9), (0.03, 0.12))
    if kind in (0, 1):
        canvas.shadow(box(x - w, y - h, x + w, y + h), unit * 0.03, unit * 0.01, 0.3)
        canvas.paint(box(x - w, y - h, x + w, y + h), wood, shade=0.2)
        inner = box(x - w * 0.85, y - h * 0.85, x + w * 0.85, y + h * 0.85)
        bright = random_colour(rng, (0, 0.2), (0.85, 1.1), (0.5, 0.6)) if kind == 0 else wood
        canvas.paint(inner, bright if kind == 0 else subjects.cloth(rng),
                     grain=("cloud", "patches")[kind], contrast=0.1 + 0.25 * kind)  # fmt: skip
    elif kind == 2:
        canvas.paint(box(x - w * 1.4, y, x + w * 1.4, y + unit * 0.02), wood, shade=0.2)
        for place in np.arange(x - w * 1.2, x + w * 1.2, unit * 0.035):
            tall = unit * rng.uniform(0.07, 0.13)
            spine = box(place, y - tall, place + unit * 0.03, y)
            canvas.paint(spine, subjects.cloth(rng), shade=0.2)
    else:
        cupboard = box(x - w, floor - h * 2, x + w, floor + unit * 0.03)
        canvas.shadow(cupboard, unit * 0.04, unit * 0.02, 0.3)
        canvas.paint(cupboard, wood, grain="wood", contrast=0.1, shade=0.2)
        canvas.paint(box(x - 1, floor - h * 1.9, x + 1, floor), wood * 0.5)


def foliage(canvas: Canvas) -> None:
    """Covers the canvas with leaves or grass, and up to eight stems or trunks."""
    rng = canvas.rng
    colour = random_colour(rng, (0.3, 0.7), (0.1, 0.5), (0.1, 0.4))
    canvas.pixels[:] = textures.surface(rng, (canvas.width, canvas.height), colour,
                                        str(rng.choice(["leaves", "grass"])), 0.4,
                                        rng.uniform(0.5, 2.2))  # fmt: skip
    for _ in range(rng.integers(0, 9)):
        x, width = rng.uniform(0, canvas.width), canvas.unit * rng.uniform(0.015, 0.09)
        bark = random_colour(rng, (0.1, 0.4), (0.1, 0.5), (0.05, 0.12))
        lean = rng.normal(0, 0.01) * canvas.height
        trunk = stroke(x, canvas.height + 9, x + lean, -9, width, width * 0.7)
        canvas.paint(trunk, bark, grain="bark", contrast=0.35, shade=0.35)


def dead_leaves(canvas: Canvas) -> None:
    """Covers the canvas with overlapping opaque shapes of all sizes (the dead-leaves model)."""
    rng = canvas.rng
    canvas.pixels[:] = random_colour(rng)
    hue, spread = rng.uniform(0, 1), rng.uniform(0.05, 0.5)
    for radius in canvas.unit * np.sort(rng.uniform(0.28, 1.5, 34) ** -2 * 0.045)[::-1]:
        x, y = rng.uniform(0, canvas.width), rng.uniform(0, canvas.height)
        colour = random_colour(rng, hue=(hue - spread, hue + spread))
        shape = blob(rng, x, y, radius, radius * rng.uniform(0.5, 1), rng.uniform(0, 0.3))
        if rng.random() < 0.35:
            shape = box(x - radius, y - radius * 0.7, x + radius, y + radius * 0.7)
        if rng.random() < 0.5:
            canvas.shadow(shape, radius * 0.1, radius * 0.08 + 0.5, 0.4)
        canvas.paint(shape, colour, grain=str(rng.choice(textures.NAMES)),
                     contrast=rng.uniform(0.05, 0.35), zoom=rng.uniform(0.4, 1.5),
                     shade=rng.uniform(0, 0.4), round_shade=rng.uniform(0, 0.4))  # fmt: skip
