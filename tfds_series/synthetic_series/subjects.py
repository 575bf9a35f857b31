"""Painters of subjects to photograph.

Unless noted otherwise, a painter takes the canvas to paint on, the coordinates x and y of the
bottom centre of the subject, and the height of the subject. All lengths are in pixels.
"""

from __future__ import annotations

import string

import numpy as np

from tfds_series.synthetic_series.canvas import Canvas, blob, box, ellipse, rotated, stroke
from tfds_series.synthetic_series.textures import random_colour

_WORDS = (
    "CAFE", "OPEN", "STOP", "Hotel", "MARKET", "2024", "BOOKS", "No 7", "EXIT", "Bakery", "TAXI",
    "Milk", "SALE", "Park", "Museum", "Tea", "BANK", "Rosa", "42", "Library", "ZOO", "Fish",
)  # fmt: skip


def skin(rng: np.random.Generator) -> np.ndarray:
    """Draws a skin colour, from dark to light.

    Args:
        rng: Generator of the colour.

    Returns:
        Float32 array `[3]`, RGB in [0, 1].
    """
    return random_colour(rng, (0.25, 0.55), (0.3, 0.92), (0.03, 0.09))


def cloth(rng: np.random.Generator) -> np.ndarray:
    """Draws a clothing colour, often white, grey or black.

    Args:
        rng: Generator of the colour.

    Returns:
        Float32 array `[3]`, RGB in [0, 1].
    """
    if rng.random() < 0.4:
        return random_colour(rng, (0.0, 0.08), (0.08, 0.95))
    return random_colour(rng, (0.3, 0.85), (0.2, 0.85))


def word(rng: np.random.Generator) -> str:
    """Returns a random word, or three to seven random letters."""
    if rng.random() < 0.7:
        return str(rng.choice(_WORDS))
    return "".join(rng.choice(list(string.ascii_letters), rng.integers(3, 8)))


def person(canvas: Canvas, x: float, y: float, height: float) -> None:
    """Paints a standing person."""
    rng, head = canvas.rng, height / 7.5
    hair, top, legs, flesh = random_colour(rng, (0.1, 0.6), (0.03, 0.5)), *(
        cloth(rng), cloth(rng) * 0.7, skin(rng)
    )  # fmt: skip
    canvas.shadow(ellipse(x, y, height * 0.16, height * 0.03), height * 0.1, height * 0.03, 0.5)
    stance = rng.uniform(0.3, 0.9) * head
    for side in (-1, 1):
        leg = stroke(x + side * head * 0.35, y - height * 0.5, x + side * stance, y, head * 0.85,
                     head * 0.5)  # fmt: skip
        canvas.paint(leg, legs, grain="fabric", contrast=0.08, shade=0.25)
        foot = ellipse(x + side * stance + side * head * 0.15, y, head * 0.45, head * 0.2)
        canvas.paint(foot, hair * 0.6)
        hand = x + side * head * rng.uniform(1.2, 2.0), y - height * rng.uniform(0.42, 0.62)
        arm = stroke(x + side * head * 0.8, y - height * 0.8, *hand, head * 0.6, head * 0.4)
        canvas.paint(arm, top, shade=0.3)
        canvas.paint(ellipse(*hand, head * 0.25, head * 0.25), flesh)
    shoulders = [(x - head, y - height * 0.82), (x + head, y - height * 0.82)]
    hips = [(x + head * 0.75, y - height * 0.46), (x - head * 0.75, y - height * 0.46)]
    torso = np.asarray(shoulders + hips)
    canvas.paint(torso, top, grain="natural", contrast=0.1, shade=0.3)
    face(canvas, x, y - height * 0.925, head * 0.85, flesh, hair)


def face(
    canvas: Canvas, x: float, y: float, height: float, flesh: np.ndarray, hair: np.ndarray
) -> None:
    """Paints a head seen from the front.

    Args:
        canvas: Canvas to paint on.
        x: Float, x coordinate of the centre of the head in pixels.
        y: Float, y coordinate of the centre of the head in pixels.
        height: Float, height of the head in pixels. Below 14 the face has no features.
        flesh: Float array `[3]`, RGB colour of the skin.
        hair: Float array `[3]`, RGB colour of the hair.
    """
    rng, rx, ry = canvas.rng, height * 0.38, height * 0.5
    long_hair = rng.random() < 0.4
    lift, length = (0.05, 1.3) if long_hair else (0.3, 0.9)
    mane = blob(rng, x, y - ry * lift, rx * 1.2, ry * length, 0.04)
    canvas.paint(mane, hair, grain="bark", contrast=0.3, gloss=0.1)
    canvas.paint(stroke(x, y, x, y + ry * 1.35, rx * 1.1, rx * 1.2), flesh * 0.8, shade=0.2)
    canvas.paint(
        ellipse(x, y, rx, ry), flesh, grain="soft", contrast=0.05, round_shade=0.35, gloss=0.08,
        shade=0.1, soften=max(0.5, height * 0.008),
    )  # fmt: skip
    if height < 14:
        return
    fringe = ellipse(x + rng.uniform(-0.2, 0.2) * rx, y - ry * 0.78, rx * 0.9, ry * 0.32)
    canvas.paint(fringe, hair, grain="bark", contrast=0.3)
    _features(canvas, x, y, rx, ry, flesh, hair)


def _features(
    canvas: Canvas,
    x: float,
    y: float,
    rx: float,
    ry: float,
    flesh: np.ndarray,
    hair: np.ndarray,
) -> None:
    rng = canvas.rng
    for side in (-1, 1):
        eye_x, eye_y = x + side * rx * 0.42, y - ry * 0.1
        canvas.paint(ellipse(eye_x, eye_y, rx * 0.2, ry * 0.085), np.float32([0.92, 0.9, 0.88]))
        iris = random_colour(rng, (0.2, 0.6), (0.1, 0.4)) * 0.6
        canvas.paint(ellipse(eye_x, eye_y, rx * 0.1, ry * 0.085), iris, gloss=0.6)
        brow = stroke(eye_x - rx * 0.24, eye_y - ry * 0.18, eye_x + rx * 0.24, eye_y - ry * 0.2,
                      ry * 0.07, ry * 0.06)  # fmt: skip
        canvas.paint(brow, hair * 0.8)
        ear = ellipse(x + side * rx, y + ry * 0.05, rx * 0.13, ry * 0.2)
        canvas.paint(ear, flesh * 0.85)
    nose = ellipse(x - canvas.light[0] * rx * 0.08, y + ry * 0.2, rx * 0.14, ry * 0.12)
    canvas.paint(nose, flesh * 0.82, soften=rx * 0.06)
    canvas.paint(ellipse(x, y + ry * 0.52, rx * 0.36, ry * 0.09), flesh * (0.75, 0.4, 0.42))
    if rng.random() < 0.5:
        canvas.paint(ellipse(x, y + ry * 0.51, rx * 0.26, ry * 0.045), np.float32([0.95] * 3))


def bust(canvas: Canvas, x: float, y: float, height: float) -> None:
    """Paints a head and shoulders, as in a portrait."""
    rng = canvas.rng
    top, flesh, hair = cloth(rng), skin(rng), random_colour(rng, (0.1, 0.7), (0.03, 0.55))
    head = height * rng.uniform(0.5, 0.6)
    width = head * rng.uniform(0.7, 0.85)
    neck = y - height + head * 1.12
    outline = np.asarray([
        (x - width * 0.4, neck), (x - width * 0.9, neck + head * 0.2), (x - width * 1.1, y + 40),
        (x + width * 1.1, y + 40), (x + width * 0.9, neck + head * 0.2), (x + width * 0.4, neck),
    ])  # fmt: skip
    canvas.paint(
        outline, top, grain="natural", contrast=0.12, shade=0.25, soften=max(0.6, height * 0.006)
    )
    face(canvas, x, y - height + head * 0.55, head, flesh, hair)
    if rng.random() < 0.5:
        collar = np.asarray(
            [(x - width * 0.3, neck), (x, neck + head * 0.3), (x + width * 0.3, neck)]
        )
        canvas.paint(collar, flesh * 0.85 if rng.random() < 0.6 else cloth(rng))


def tree(canvas: Canvas, x: float, y: float, height: float) -> None:
    """Paints a broad-leaved tree."""
    rng = canvas.rng
    bark = random_colour(rng, (0.1, 0.4), (0.12, 0.4), (0.05, 0.12))
    leaf = random_colour(rng, (0.3, 0.75), (0.15, 0.6), (0.1, 0.38))
    canvas.shadow(ellipse(x, y, height * 0.3, height * 0.04), height * 0.2, height * 0.03, 0.45)
    trunk = stroke(x, y, x, y - height * 0.6, height * 0.08, height * 0.04)
    canvas.paint(trunk, bark, grain="bark", contrast=0.3, shade=0.3)
    for _ in range(rng.integers(3, 7)):
        cx, cy = x + rng.normal(0, 0.13) * height, y - height * rng.uniform(0.55, 0.85)
        crown = blob(rng, cx, cy, height * 0.2, height * 0.16, 0.25)
        canvas.paint(crown, leaf * rng.uniform(0.75, 1.2), grain="leaves", contrast=0.38,
                     zoom=rng.uniform(0.4, 0.9), shade=0.3)  # fmt: skip


def conifer(canvas: Canvas, x: float, y: float, height: float) -> None:
    """Paints a fir."""
    rng = canvas.rng
    leaf = random_colour(rng, (0.2, 0.6), (0.08, 0.35), (0.25, 0.45))
    canvas.paint(stroke(x, y, x, y - height * 0.2, height * 0.06, height * 0.05), leaf * 0.5)
    for step in range(6):
        low, width = y - height * (0.08 + 0.14 * step), height * (0.24 - 0.035 * step)
        tier = np.asarray([(x - width, low), (x + width, low), (x, low - height * 0.3)])
        tier[:2, 1] += rng.uniform(-0.02, 0.02, 2) * height
        canvas.paint(tier, leaf, grain="leaves", contrast=0.3, zoom=0.5, shade=0.3)


def house(canvas: Canvas, x: float, y: float, height: float) -> None:
    """Paints a house with a gable roof."""
    rng = canvas.rng
    half, wall_top = height * rng.uniform(0.4, 0.8), y - height * rng.uniform(0.6, 0.7)
    wall = random_colour(rng, (0.03, 0.45), (0.4, 0.95), (0.0, 0.18))
    canvas.shadow(box(x - half, wall_top, x + half, y), height * 0.15, height * 0.04, 0.35)
    facade(canvas, x - half, wall_top, x + half, y, wall)
    roof = np.asarray([(x - half * 1.1, wall_top), (x, y - height), (x + half * 1.1, wall_top)])
    roof_colour = random_colour(rng, (0.1, 0.6), (0.15, 0.6), (-0.03, 0.08))
    canvas.paint(roof, roof_colour, grain="wood", contrast=0.2, shade=0.3)
    door = box(x - height * 0.07, y - height * 0.28, x + height * 0.07, y)
    canvas.paint(door, cloth(rng), shade=0.2)


def facade(
    canvas: Canvas,
    x0: float,
    y0: float,
    x1: float,
    y1: float,
    wall: np.ndarray,
    lit: bool = False,
) -> None:
    """Paints a wall with a grid of windows.

    Args:
        canvas: Canvas to paint on.
        x0: Float, left edge of the wall in pixels.
        y0: Float, top edge of the wall in pixels.
        x1: Float, right edge of the wall in pixels.
        y1: Float, bottom edge of the wall in pixels.
        wall: Float array `[3]`, RGB colour of the wall.
        lit: Boolean, whether to light some of the windows, as at night. Defaults to `False`.
    """
    rng = canvas.rng
    grain = str(rng.choice(["rough", "earth", "natural"]))
    canvas.paint(box(x0, y0, x1, y1), wall, grain=grain, contrast=0.09, shade=0.12)
    pitch = max(7.0, (x1 - x0) / rng.integers(3, 8))
    pitch_y = pitch * rng.uniform(0.9, 1.6)
    glass = random_colour(rng, (0.1, 0.5), (0.08, 0.5), (0.5, 0.65))
    frame = np.clip(wall * rng.uniform(0.6, 1.3), 0, 1)
    columns, rows = int((x1 - x0) / pitch), int((y1 - y0) / pitch_y)
    for column in range(columns):
        for row in range(rows):
            wx, wy = x0 + (column + 0.25) * pitch, y0 + (row + 0.25) * pitch_y
            pane = box(wx, wy, wx + pitch * 0.5, wy + pitch_y * 0.55)
            tone = glass * rng.uniform(0.6, 1.5)
            if lit and rng.random() < 0.4:
                tone = np.float32([1.0, 0.85, 0.5]) * rng.uniform(0.6, 1.0)
            canvas.paint(pane - 1, frame, soften=0)
            canvas.paint(pane, tone, soften=0)


def car(canvas: Canvas, x: float, y: float, height: float) -> None:
    """Paints a car from the side."""
    rng, paint = canvas.rng, cloth(canvas.rng)
    half = height * 1.3
    canvas.shadow(ellipse(x, y, half, height * 0.1), height * 0.1, height * 0.08, 0.6)
    cabin = np.asarray([(-0.6, -0.5), (-0.35, -1.0), (0.35, -1.0), (0.65, -0.5)])
    canvas.paint(cabin * (half, height) + (x, y), paint * 0.9, shade=0.2)
    windows = np.asarray([(-0.5, -0.55), (-0.3, -0.93), (0.3, -0.93), (0.53, -0.55)])
    canvas.paint(windows * (half, height) + (x, y), random_colour(rng, (0.1, 0.3), (0.1, 0.4)),
                 shade=0.5)  # fmt: skip
    body = np.asarray([(-1, -0.5), (0.7, -0.55), (1, -0.4), (1, -0.15), (-1, -0.15)])
    canvas.paint(body * (half, height) + (x, y), paint, shade=0.35, grain="cloud", contrast=0.05)
    for side in (-0.6, 0.6):
        for radius, tone in ((0.2, 0.06), (0.11, 0.55)):
            wheel = ellipse(x + side * half, y - height * 0.18, height * radius, height * radius)
            canvas.paint(wheel, np.float32([tone] * 3))
    lamp = ellipse(x + half * 0.93, y - height * 0.38, height * 0.07, height * 0.06)
    canvas.paint(lamp, np.float32([1, 0.95, 0.8]))


def animal(canvas: Canvas, x: float, y: float, height: float) -> None:
    """Paints a four-legged animal from the side."""
    rng = canvas.rng
    coat = random_colour(rng, (0.05, 0.6), (0.1, 0.9), (0.02, 0.12))
    way = rng.choice((-1.0, 1.0))
    canvas.shadow(ellipse(x, y, height * 0.6, height * 0.06), height * 0.1, height * 0.06, 0.5)
    for place in (-0.45, -0.3, 0.3, 0.45):
        leg = stroke(x + place * height, y - height * 0.45, x + place * height * 1.05, y,
                     height * 0.14, height * 0.08)  # fmt: skip
        canvas.paint(leg, coat * 0.85, shade=0.2)
    body = blob(rng, x, y - height * 0.5, height * 0.58, height * 0.24, 0.06)
    fur = {"grain": "bark", "contrast": 0.15, "round_shade": 0.25, "shade": 0.2}
    canvas.paint(body, coat, **fur)
    neck, head = x + way * height * 0.45, x + way * height * 0.68
    canvas.paint(stroke(neck, y - height * 0.55, head, y - height * 0.85, height * 0.28,
                        height * 0.2), coat, shade=0.2)  # fmt: skip
    canvas.paint(ellipse(head, y - height * 0.85, height * 0.17, height * 0.14), coat, **fur)
    nose = head + way * height * 0.13
    canvas.paint(ellipse(nose, y - height * 0.82, height * 0.1, height * 0.07), coat * 0.6)
    canvas.paint(ellipse(head, y - height * 0.89, height * 0.025, height * 0.025), coat * 0.1)
    ear = np.asarray([(-0.08, -0.95), (0.02, -0.95), (-0.06, -1.1)]) * (height * way, height)
    canvas.paint(ear + np.asarray((head, y)), coat * 0.7)


def vessel(canvas: Canvas, x: float, y: float, height: float) -> None:
    """Paints a mug, a bottle or a vase."""
    rng = canvas.rng
    colour = cloth(rng)
    low, middle, top = rng.uniform(0.15, 0.35), rng.uniform(0.2, 0.45), rng.uniform(0.08, 0.38)
    right = [(low, 0), (middle, -0.35), (middle * 0.95, -0.6), (top, -0.75), (top, -1)]
    outline = np.asarray([*right, *[(-a, b) for a, b in right[::-1]]]) * height + (x, y)
    canvas.shadow(outline, height * 0.2, height * 0.05, 0.45)
    canvas.paint(outline, colour, grain="soft", contrast=0.06, shade=0.45, soften=0.7)
    shine = stroke(x + canvas.light[0] * middle * height * 0.5, y - height * 0.65,
                   x + canvas.light[0] * middle * height * 0.5, y - height * 0.2,
                   height * 0.06, height * 0.03)  # fmt: skip
    canvas.paint(shine, np.float32([1, 1, 1]), opacity=0.5, soften=height * 0.02)
    canvas.paint(ellipse(x, y - height, top * height, top * height * 0.25), colour * 0.4)
    if rng.random() < 0.5:
        band = box(x - middle * height * 0.9, y - height * 0.5, x + middle * height * 0.9,
                   y - height * 0.25)  # fmt: skip
        canvas.paint(band, cloth(rng), shade=0.4)
        canvas.letters(word(rng)[:4], x, y - height * 0.38, height * 0.16, cloth(rng))


def ball(canvas: Canvas, x: float, y: float, height: float) -> None:
    """Paints a ball or a fruit."""
    rng, radius = canvas.rng, height / 2
    colour = random_colour(rng, (0.3, 0.9), (0.4, 0.95))
    outline = blob(rng, x, y - radius, radius, radius * rng.uniform(0.85, 1), 0.02)
    canvas.shadow(outline + np.asarray((0, radius * 0.4)), height * 0.3, height * 0.06, 0.5)
    canvas.paint(outline, colour, grain="soft", contrast=0.08, round_shade=0.5, shade=0.2,
                 gloss=rng.uniform(0, 0.7))  # fmt: skip


def flower(canvas: Canvas, x: float, y: float, height: float) -> None:
    """Paints a flower on its stem."""
    rng = canvas.rng
    petal = random_colour(rng, (0.3, 0.9), (0.6, 1))
    green = random_colour(rng, (0.4, 0.8), (0.2, 0.6), (0.2, 0.38))
    cy, radius = y - height * 0.7, height * 0.3
    canvas.paint(stroke(x + rng.normal(0, 0.05) * height, y + 30, x, cy, height * 0.05,
                        height * 0.04), green, shade=0.3)  # fmt: skip
    leaf = rotated(ellipse(x + height * 0.15, y - height * 0.15, height * 0.18, height * 0.06), -30,
                   (x, y))  # fmt: skip
    canvas.paint(leaf, green, grain="wood", shade=0.3)
    count = rng.integers(5, 14)
    for index in range(count):
        shape = ellipse(x + radius * 0.6, cy, radius * 0.5, radius * rng.uniform(0.15, 0.3))
        canvas.paint(rotated(shape, 360 * index / count, (x, cy)), petal * rng.uniform(0.8, 1.1),
                     grain="soft", contrast=0.1, shade=0.25)  # fmt: skip
    middle = ellipse(x, cy, radius * 0.3, radius * 0.28)
    canvas.paint(middle, random_colour(rng, (0.5, 0.9), (0.3, 0.9), (0.05, 0.16)), grain="pebbles",
                 contrast=0.3, zoom=0.3, round_shade=0.3)  # fmt: skip


def book(canvas: Canvas, x: float, y: float, height: float) -> None:
    """Paints a book or a packet with lettering."""
    rng, cover = canvas.rng, cloth(canvas.rng)
    half = height * rng.uniform(0.3, 0.45)
    front = box(x - half, y - height, x + half, y)
    side = np.asarray([(x + half, y - height), (x + half * 1.3, y - height * 0.95),
                       (x + half * 1.3, y - height * 0.06), (x + half, y)])  # fmt: skip
    canvas.shadow(front, height * 0.2, height * 0.05, 0.45)
    canvas.paint(side, cover * 0.6, shade=0.2)
    canvas.paint(front, cover, grain="soft", contrast=0.06, shade=0.15)
    canvas.letters(word(rng), x, y - height * 0.8, height * 0.15, cloth(rng))
    inset = box(x - half * 0.7, y - height * 0.6, x + half * 0.7, y - height * 0.15)
    canvas.paint(inset, cloth(rng), grain="patches", contrast=0.3, zoom=0.4)
    for line in range(2):
        rule = y - height * (0.08 + 0.04 * line)
        canvas.paint(box(x - half * 0.6, rule, x + half * 0.4, rule + 1.2), cloth(rng))


def sign(canvas: Canvas, x: float, y: float, height: float) -> None:
    """Paints a sign on a post."""
    rng, board = canvas.rng, cloth(canvas.rng)
    text = word(rng)
    half, middle = height * rng.uniform(0.35, 0.5), y - height * 0.78
    canvas.paint(stroke(x, y, x, y - height, height * 0.05, height * 0.05),
                 random_colour(rng, (0, 0.1), (0.2, 0.7)), shade=0.4)  # fmt: skip
    ink = np.float32([0.05] * 3) if board.mean() > 0.45 else np.float32([0.95] * 3)
    if rng.random() < 0.4:
        plate = ellipse(x, middle, height * 0.28, height * 0.28)
    else:
        plate = box(x - half, middle - height * 0.2, x + half, middle + height * 0.2)
    canvas.paint((plate - (x, middle)) * 1.06 + (x, middle), ink, soften=0.4)
    canvas.paint(plate, board, shade=0.15)
    canvas.letters(text, x, middle, min(height * 0.25, 2.6 * half / len(text)), ink)


def boat(canvas: Canvas, x: float, y: float, height: float) -> None:
    """Paints a sailing boat."""
    rng = canvas.rng
    hull = np.asarray([(-0.45, -0.18), (0.5, -0.18), (0.35, 0.0), (-0.35, 0.0)]) * height + (x, y)
    canvas.paint(hull, cloth(rng), shade=0.3)
    canvas.paint(stroke(x, y - height * 0.15, x, y - height, 2, 1.5), np.float32([0.3, 0.25, 0.2]))
    for side in (-1, 1):
        sail = np.asarray([(0.03, -0.25), (0.03, -0.97), (rng.uniform(0.25, 0.45), -0.27)])
        canvas.paint(sail * (side * height, height) + (x, y),
                     random_colour(rng, (0, 0.3), (0.7, 1)), shade=0.2)  # fmt: skip


# Painters of outdoor and indoor subjects. Repeated ones are chosen more often.
OUTDOORS = (person, person, tree, conifer, house, car, animal, sign, flower)
INDOORS = (vessel, vessel, ball, book, book, flower)
