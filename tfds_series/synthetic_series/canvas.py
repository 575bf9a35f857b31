"""A canvas for textured, shaded and softened outlines, and functions that make the outlines.

Coordinates are pixels from the top left corner. An outline is a float array of points `[N, 2]`.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from tfds_series.synthetic_series import textures


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Returns an upright rectangle with the corners (x0, y0) and (x1, y1) as points `[4, 2]`."""
    return np.asarray([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float)


def ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    """Returns an ellipse with centre (x, y) and radii rx and ry as points `[36, 2]`."""
    angles = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=-1)


def blob(
    rng: np.random.Generator, x: float, y: float, rx: float, ry: float, roughness: float = 0.15
) -> np.ndarray:
    """Returns an irregular round outline.

    Args:
        rng: Generator of the irregularities.
        x: Float, x coordinate of the centre.
        y: Float, y coordinate of the centre.
        rx: Float, mean horizontal radius.
        ry: Float, mean vertical radius.
        roughness: Float, strength of the irregularities. At 0 the outline is an ellipse. Defaults
            to 0.15.

    Returns:
        Float array of points `[36, 2]`.
    """
    outline = ellipse(0, 0, rx, ry)
    angles = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    radius = np.ones(36)
    for order in range(2, 9):
        phase = rng.uniform(0, 2 * np.pi)
        radius += roughness * rng.normal() / order**0.7 * np.cos(order * angles + phase)
    return outline * np.clip(radius, 0.4, 1.6)[:, None] + (x, y)


def stroke(x0: float, y0: float, x1: float, y1: float, start: float, end: float) -> np.ndarray:
    """Returns a straight tapered stroke.

    Args:
        x0: Float, x coordinate of the start.
        y0: Float, y coordinate of the start.
        x1: Float, x coordinate of the end.
        y1: Float, y coordinate of the end.
        start: Float, width at the start.
        end: Float, width at the end.

    Returns:
        Float array of points `[4, 2]`.
    """
    across = np.asarray([y0 - y1, x1 - x0], float)
    across /= max(1e-6, np.hypot(*across)) * 2
    first, last = np.asarray([x0, y0]), np.asarray([x1, y1])
    return np.stack([
        first + across * start, last + across * end, last - across * end, first - across * start
    ])  # fmt: skip


def rotated(outline: np.ndarray, degrees: float, centre: tuple[float, float]) -> np.ndarray:
    """Returns an outline rotated about a point.

    Args:
        outline: Float array of points `[N, 2]`.
        degrees: Float, angle of rotation. Positive angles are clockwise.
        centre: Point (x, y) to rotate about.

    Returns:
        Float array of points `[N, 2]`.
    """
    angle = np.radians(degrees)
    matrix = np.asarray([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    return (outline - centre) @ matrix + centre


class Canvas:
    """An RGB picture and the direction of the light in it.

    Args:
        width: Integer, width in pixels.
        height: Integer, height in pixels.
        rng: Generator of the light, the textures and the random choices of painters.

    Attributes:
        rng: The generator.
        light: Float32 unit vector (x, y) that points to the light.
        pixels: Float32 array `[height, width, 3]` of RGB values from about 0 to 1.
    """

    def __init__(self, width: int, height: int, rng: np.random.Generator) -> None:
        self.width, self.height, self.rng = width, height, rng
        angle = rng.uniform(-2.6, -0.5)
        self.light = np.asarray([np.cos(angle), np.sin(angle)], np.float32)
        self.pixels = np.zeros((height, width, 3), np.float32)

    @property
    def unit(self) -> float:
        """Length of the shorter edge in pixels, the unit of lengths in a scene."""
        return float(min(self.width, self.height))

    def paint(
        self,
        outline: np.ndarray,
        colour: np.ndarray,
        *,
        grain: str | None = None,
        contrast: float = 0.18,
        zoom: float = 1.0,
        shade: float = 0.0,
        round_shade: float = 0.0,
        gloss: float = 0.0,
        soften: float = 0.5,
        opacity: float = 1.0,
    ) -> None:
        """Fills an outline.

        Args:
            outline: Float array of points `[N, 2]` in pixels, clipped at the canvas.
            colour: Float array `[3]`, RGB.
            grain: Name of a texture in `textures.NAMES`. Defaults to `None`, a flat colour.
            contrast: Float, strength of the texture. Defaults to 0.18.
            zoom: Float, scale of the texture. Defaults to 1.
            shade: Float, strength of a gradient along the light. Defaults to 0.
            round_shade: Float, strength of the darkening towards the rim, as on a ball. Defaults to
                0.
            gloss: Float, strength of a highlight. Defaults to 0.
            soften: Float, blur of the edge in pixels. Defaults to 0.5.
            opacity: Float in [0, 1]. Defaults to 1.
        """
        area = self._area(outline, 3 * soften + 1)
        if area is None:
            return
        x0, y0, x1, y1 = area
        mask = self._mask(outline, area, soften, opacity)
        size = (x1 - x0, y1 - y0)
        if grain is None:
            fill = np.broadcast_to(np.asarray(colour, np.float32), (size[1], size[0], 3))
        else:
            fill = textures.surface(self.rng, size, colour, grain, contrast, zoom)
        fill = self._shaded(fill, outline, area, (shade, round_shade, gloss))
        target = self.pixels[y0:y1, x0:x1]
        target += (fill - target) * mask

    def paint_pixels(self, outline: np.ndarray, fill: np.ndarray, soften: float = 0.5) -> None:
        """Fills an outline with the pixels of another picture.

        Args:
            outline: Float array of points `[N, 2]` in pixels, clipped at the canvas.
            fill: Float array `[height, width, 3]`, a picture as large as the canvas.
            soften: Float, blur of the edge in pixels. Defaults to 0.5.
        """
        area = self._area(outline, 3 * soften + 1)
        if area is None:
            return
        x0, y0, x1, y1 = area
        target = self.pixels[y0:y1, x0:x1]
        target += (fill[y0:y1, x0:x1] - target) * self._mask(outline, area, soften, 1.0)

    def shadow(self, outline: np.ndarray, length: float, blur: float, strength: float) -> None:
        """Darkens the area where the shadow of an outline falls.

        Args:
            outline: Float array of points `[N, 2]` in pixels.
            length: Float, offset of the shadow in pixels.
            blur: Float, blur of its edge in pixels.
            strength: Float in [0, 1]. At 1 the shadow is black.
        """
        moved = outline - self.light * length * (1.0, 0.5) + (0, 0.15 * length)
        area = self._area(moved, 3 * blur + 1)
        if area is not None:
            x0, y0, x1, y1 = area
            self.pixels[y0:y1, x0:x1] *= 1 - self._mask(moved, area, blur, strength)

    def letters(
        self, text: str, x: float, y: float, size: float, colour: np.ndarray, degrees: float = 0.0
    ) -> None:
        """Writes text.

        Args:
            text: String to write.
            x: Float, x coordinate of its centre.
            y: Float, y coordinate of its centre.
            size: Float, font size in pixels. The smallest is 6.
            colour: Float array `[3]`, RGB.
            degrees: Float, clockwise rotation. Defaults to 0.
        """
        font = ImageFont.load_default(max(6.0, size))
        left, top, right, bottom = (int(edge) for edge in font.getbbox(text))
        image = Image.new("L", (right - left + 4, bottom - top + 4))
        ImageDraw.Draw(image).text((2 - left, 2 - top), text, fill=255, font=font)
        if degrees:
            image = image.rotate(-degrees, Image.Resampling.BILINEAR, expand=True)
        full = Image.new("L", (self.width, self.height))
        full.paste(image, (int(x - image.width / 2), int(y - image.height / 2)))
        mask = np.asarray(full, np.float32)[..., None] / 255
        self.pixels += (np.asarray(colour, np.float32) - self.pixels) * mask

    def haze(self, colour: np.ndarray, strength: float | np.ndarray) -> None:
        """Blends a colour into the whole picture.

        Args:
            colour: Float array `[3]`, RGB.
            strength: Float in [0, 1], or an array `[height, 1, 1]` of one strength per row.
        """
        self.pixels += (np.asarray(colour, np.float32) - self.pixels) * strength

    def blur(self, radius: float) -> None:
        """Blurs the whole picture.

        Args:
            radius: Float, standard deviation of a Gaussian in pixels. Below 0.3 nothing changes.
        """
        if radius < 0.3:
            return
        image = Image.fromarray(np.clip(self.pixels * 200, 0, 255).astype(np.uint8))
        blurred = image.filter(ImageFilter.GaussianBlur(float(radius)))
        self.pixels = np.asarray(blurred, np.float32) / 200

    def _area(self, outline: np.ndarray, margin: float) -> tuple[int, int, int, int] | None:
        (x0, y0), (x1, y1) = outline.min(0) - margin, outline.max(0) + margin
        area = max(0, int(x0)), max(0, int(y0)), min(self.width, int(x1) + 1), int(y1) + 1
        x0, y0, x1, y1 = *area[:3], min(self.height, area[3])
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def _mask(
        self, outline: np.ndarray, area: tuple[int, int, int, int], soften: float, opacity: float
    ) -> np.ndarray:
        x0, y0, x1, y1 = area
        image = Image.new("L", (x1 - x0, y1 - y0))
        points = np.clip(outline - (x0, y0), -9999, 9999)
        ImageDraw.Draw(image).polygon(points.ravel().tolist(), fill=round(255 * opacity))
        if soften > 0:
            image = image.filter(ImageFilter.GaussianBlur(float(soften)))
        return np.asarray(image, np.float32)[..., None] / 255

    def _shaded(
        self,
        fill: np.ndarray,
        outline: np.ndarray,
        area: tuple[int, int, int, int],
        strengths: tuple[float, float, float],
    ) -> np.ndarray:
        shade, round_shade, gloss = strengths
        if not (shade or round_shade or gloss):
            return fill
        x0, y0, x1, y1 = area
        low, high = outline.min(0), outline.max(0)
        middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1)
        u = ((np.arange(x0, x1) - middle[0]) / half[0])[None, :].astype(np.float32)
        v = ((np.arange(y0, y1) - middle[1]) / half[1])[:, None].astype(np.float32)
        factor = 1 + shade * (self.light[0] * u + self.light[1] * v)
        du, dv = u - 0.45 * self.light[0], v - 0.45 * self.light[1]
        distance = du * du + dv * dv
        factor = factor * np.clip(1.1 - round_shade * distance, 0.1, 2)
        return fill * factor[..., None] + (gloss * np.exp(-distance * 22))[..., None]
