"""Eight photographic faults of known severity, for photos of any size.

`degrade(photo, kind, severity, rng)` is the entry point. It checks its arguments and applies one of
the other functions, which take a uint8 photo `[H, W, 3]`, a severity in [0, 1] and a generator.
Severity 0 leaves the photo unchanged, 0.3 is visible in a thumbnail of 100 pixels, and at 1 the
photo is beyond rescue. Every length is a fraction of the photo's longer edge, so a degraded photo
looks the same at every resolution, and also after it is downscaled.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

NONE = "none"
# Fractions of the longer edge at severity 1.
_DEFOCUS_RADIUS = 0.024
_SHAKE_LENGTH = 0.075
_SHAKE_SAMPLES = 24
# Photographic stops (powers of 2 of the light) at severity 1.
_UNDER_STOPS = 3.4
_OVER_STOPS = 2.8
# Lengths of the longer edge at which noise and JPEG blocks are made, so that they survive
# downscaling.
_NOISE_EDGE = 140
_NOISE_DEVIATION = 0.17
_JPEG_EDGE = 128
_JPEG_QUALITIES = (70, 5)
_TILT_DEGREES = 20.0
# Fraction of the subject that is outside the frame at severity 1.
_CUT_SHARE = 0.7
_CENTRE_BOX = (0.25, 0.25, 0.75, 0.75)


def defocus(photo: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Blurs with a Gaussian that has the second moment of the circle of confusion."""
    del rng
    radius = severity * _DEFOCUS_RADIUS * max(photo.shape[:2])
    blurred = Image.fromarray(photo).filter(ImageFilter.GaussianBlur(float(radius / 2)))
    return np.asarray(blurred)


def camera_shake(photo: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Averages the photo along a short, slightly curved camera path in a random direction."""
    length = severity * _SHAKE_LENGTH * max(photo.shape[:2])
    path = _camera_path(length, rng)
    gap = length / _SHAKE_SAMPLES
    if gap > 1:  # In a large photo, blur fills the gaps between samples.
        photo = np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(float(gap / 2))))
    offsets, counts = np.unique(np.rint(path).astype(int), axis=0, return_counts=True)
    reach = int(np.abs(offsets).max())
    padded = np.pad(photo, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    height, width = photo.shape[:2]
    total = np.zeros(photo.shape, np.float32)
    for (x, y), count in zip(offsets + reach, counts, strict=True):
        total += np.float32(count) * padded[y : y + height, x : x + width]
    return _to_uint8(total / counts.sum())


def under_exposure(photo: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Darkens by up to 3.4 stops and clips the shadows."""
    del rng
    light = _linear_ramp() * 2.0 ** (-_UNDER_STOPS * severity) - 0.004 * severity
    return _tone_curve(light)[photo]


def over_exposure(photo: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Brightens by up to 2.8 stops, clips the highlights and veils the shadows."""
    del rng
    light = _linear_ramp() * 2.0 ** (_OVER_STOPS * severity) + 0.03 * severity
    return _tone_curve(light)[photo]


def noise(photo: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Adds grain, more in luminance than in colour, whose size scales with the photo."""
    height, width = photo.shape[:2]
    shape = _working_shape(height, width, _NOISE_EDGE)
    grain = rng.standard_normal((*shape, 1)) * 0.85 + rng.standard_normal((*shape, 3)) * 0.55
    grain *= 255 * _NOISE_DEVIATION * severity
    planes = [_resize_plane(grain[..., channel], (width, height)) for channel in range(3)]
    return _to_uint8(photo + np.stack(planes, axis=-1))


def jpeg_blocks(photo: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Adds the upscaled error of strong JPEG compression of a downscaled version of the photo."""
    del rng
    height, width = photo.shape[:2]
    small_height, small_width = _working_shape(height, width, _JPEG_EDGE)
    small = Image.fromarray(photo).resize((small_width, small_height), Image.Resampling.BOX)
    buffer = io.BytesIO()
    best, worst = _JPEG_QUALITIES
    quality = round(best * (worst / best) ** severity)
    small.save(buffer, "JPEG", quality=quality, subsampling=0)
    error = np.asarray(Image.open(buffer), np.float32) - np.asarray(small, np.float32)
    error *= min(1.0, severity / 0.1)  # Even the best JPEG quality changes the photo.
    planes = [_resize_plane(error[..., channel], (width, height)) for channel in range(3)]
    return _to_uint8(photo + np.stack(planes, axis=-1))


def tilted_horizon(photo: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Rotates by up to 20 degrees and crops to the largest upright frame of the same aspect ratio.

    The direction of rotation is random.
    """
    angle = np.radians(_TILT_DEGREES * severity) * rng.choice((-1.0, 1.0))
    height, width = photo.shape[:2]
    aspect = max(width / height, height / width)
    share = 1 / (np.cos(angle) + aspect * np.sin(abs(angle)))
    new_width, new_height = max(1, int(width * share)), max(1, int(height * share))
    cosine, sine = np.cos(angle), np.sin(angle)
    x = width / 2 - (cosine * new_width - sine * new_height) / 2
    y = height / 2 - (sine * new_width + cosine * new_height) / 2
    matrix = (cosine, -sine, x, sine, cosine, y)
    rotated = Image.fromarray(photo).transform(
        (new_width, new_height), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
    )
    return np.asarray(rotated)


def cut_off(
    photo: np.ndarray,
    severity: float,
    rng: np.random.Generator,
    subject_box: tuple[float, float, float, float] = _CENTRE_BOX,
) -> np.ndarray:
    """Crops so that an edge or a corner of the frame cuts off the subject.

    Args:
        photo: Array `[H, W, 3]`, uint8.
        severity: Float in [0, 1].
        rng: Generator that chooses the side.
        subject_box: Left, top, right and bottom of the subject, as fractions of the frame. Defaults
            to the middle half of the frame in each direction.

    Returns:
        Array `[H', W', 3]`, uint8, of the same aspect ratio.
    """
    left, top, right, bottom = subject_box
    height, width = photo.shape[:2]
    sides = [_kept(left, right, severity), _kept(1 - right, 1 - left, severity)]
    sides += [_kept(top, bottom, severity), _kept(1 - bottom, 1 - top, severity)]
    side = int(rng.integers(4))
    share = sides[side]
    free = (1 - share) * rng.choice((0.0, 0.25, 0.5, 0.75, 1.0))
    at_end = (1 - share) * (side % 2)
    x, y = (at_end, free) if side < 2 else (free, at_end)
    new_width, new_height = max(1, round(width * share)), max(1, round(height * share))
    x, y = int(x * width), int(y * height)
    return photo[y : y + new_height, x : x + new_width].copy()


DEGRADATIONS: dict[str, Callable[..., np.ndarray]] = {
    "defocus": defocus,
    "camera_shake": camera_shake,
    "under_exposure": under_exposure,
    "over_exposure": over_exposure,
    "noise": noise,
    "jpeg_blocks": jpeg_blocks,
    "tilted_horizon": tilted_horizon,
    "cut_off": cut_off,
}


def degrade(photo: np.ndarray, kind: str, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Returns a copy of a photo with one fault.

    Args:
        photo: Array `[H, W, 3]`, uint8, RGB, of any size. It is not changed.
        kind: String, a key of `DEGRADATIONS`, or `"none"`.
        severity: Float in [0, 1]. At 0 the copy equals the photo.
        rng: Generator of what the severity does not determine, such as the direction of a shake.

    Returns:
        Array `[H', W', 3]`, uint8, of the same aspect ratio. `tilted_horizon` and `cut_off` crop,
        so the copy is smaller than the photo. The other kinds keep its size.

    Raises:
        ValueError: If the photo has another shape or type, the kind is unknown, or the severity is
            outside [0, 1].
    """
    photo = np.asarray(photo)
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[-1] != 3 or not photo.size:
        raise ValueError(f"Expected a uint8 photo [H, W, 3]. Received: {photo.dtype} {photo.shape}")
    if kind != NONE and kind not in DEGRADATIONS:
        raise ValueError(f"Expected kind to be one of {[NONE, *DEGRADATIONS]}. Received: {kind!r}")
    if not 0 <= severity <= 1:
        raise ValueError(f"Expected a severity in [0, 1]. Received: {severity}")
    if kind == NONE or severity == 0:
        return photo.copy()
    return DEGRADATIONS[kind](photo, float(severity), rng)


def _kept(near: float, far: float, severity: float) -> float:
    """Returns the fraction of the frame to keep when the subject `near..far` is cut at `far`."""
    at_worst = max(0.3, far - _CUT_SHARE * (far - near))
    # The square root speeds up the first steps, which only remove space around the subject.
    return 1 - (1 - at_worst) * severity**0.5


def _camera_path(length: float, rng: np.random.Generator) -> np.ndarray:
    """Returns offsets `[samples, 2]` in pixels along an arc of the given length around zero."""
    along = np.linspace(-0.5, 0.5, _SHAKE_SAMPLES)
    across = rng.uniform(-0.5, 0.5) * (along**2 - 1 / 12)
    angle = rng.uniform(0, np.pi)
    x = along * np.cos(angle) - across * np.sin(angle)
    y = along * np.sin(angle) + across * np.cos(angle)
    return length * np.stack([x, y], axis=-1)


def _linear_ramp() -> np.ndarray:
    return (np.arange(256) / 255) ** 2.2


def _tone_curve(light: np.ndarray) -> np.ndarray:
    return _to_uint8(255 * np.clip(light, 0, 1) ** (1 / 2.2))


def _working_shape(height: int, width: int, edge: int) -> tuple[int, int]:
    scale = min(1.0, edge / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _resize_plane(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    image = Image.fromarray(plane.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))


def _to_uint8(photo: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(photo), 0, 255).astype(np.uint8)
