"""Makes a series of photos of one scene, with camera movement, known faults and preferences."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Mapping

import numpy as np
from PIL import Image

from tfds_series.synthetic_series.degradations import NONE, degrade

# Ratio of scene size to frame size, which leaves the camera room to move.
MARGIN = 1.1
# Probabilities of series of 2 to 8 photos. Large series are more frequent than in PhotoTriage.
_SIZES = (2, 3, 4, 5, 6, 7, 8)
_SIZE_CHANCES = (0.22, 0.24, 0.24, 0.14, 0.09, 0.04, 0.03)
_CLEAN_SERIES = 0.9
_LEAST_SEVERITY = 0.1
# Framing faults are harder to recognise than faults of the pixels, so they are drawn more often.
KIND_CHANCES = {
    "defocus": 0.11,
    "camera_shake": 0.11,
    "under_exposure": 0.11,
    "over_exposure": 0.11,
    "noise": 0.11,
    "jpeg_blocks": 0.11,
    "tilted_horizon": 0.17,
    "cut_off": 0.17,
}
_JPEG_QUALITY = 95


@dataclasses.dataclass(frozen=True)
class SeriesOptions:
    """Options for drawing faults, and for writing and labelling photos.

    Attributes:
        photo_size: Integer, longer edge of a written photo in pixels. Defaults to 192.
        supersampling: Float, at least 1. Photos are degraded at this multiple of the size at which
            they are written. Defaults to 1.7.
        steepness: Float, k in preference = sigmoid(k * (severity of second - severity of first)).
            Defaults to 3.
        kind_chances: Mapping of kinds of faults to their probabilities, which sum to 1. Defaults to
            `KIND_CHANCES`.
        one_kind_share: Float in [0, 1], the share of series whose faults are all of the same kind.
            Defaults to 0.6.
    """

    photo_size: int = 192
    supersampling: float = 1.7
    steepness: float = 3.0
    kind_chances: Mapping[str, float] = dataclasses.field(default_factory=KIND_CHANCES.copy)
    one_kind_share: float = 0.6

    @property
    def scene_size(self) -> int:
        """Longer edge of the scenes to photograph, in pixels."""
        return round(self.photo_size * self.supersampling * MARGIN)


def make_series(
    scene: np.ndarray, series_id: str, options: SeriesOptions, rng: np.random.Generator
) -> dict:
    """Takes 2 to 8 photos of a scene.

    Args:
        scene: Array `[H, W, 3]`, uint8, with a longer edge of `options.scene_size`.
        series_id: String, identifier of the series.
        options: Options for drawing faults, and for writing and labelling photos.
        rng: Generator of all random choices.

    Returns:
        Dictionary, an example of the dataset.
    """
    plan = draw_faults(options, rng)
    severities = np.asarray([severity for _, severity in plan], np.float32)
    photos = [
        {
            "photo_bytes": encode(degrade(take_photo(scene, rng), kind, severity, rng), options),
            "file_name": f"{series_id}-{place + 1:02d}.jpg",
            "rank": int(1 + (severities < severities[place]).sum()),
            "degradation": kind,
            "severity": severity,
        }
        for place, (kind, severity) in enumerate(plan)
    ]
    pairs = pair_preferences(severities, options.steepness)
    return {"series_id": series_id, "photos": photos, "pairs": pairs}


def draw_faults(options: SeriesOptions, rng: np.random.Generator) -> list[tuple[str, float]]:
    """Draws the kind and severity of the fault of each photo of a series.

    Most series have one photo without a fault. In `options.one_kind_share` of the series all faults
    are of the same kind, which teaches the order of its severities. In the others each photo draws
    its own kind, which teaches how the severities of different kinds compare.

    Args:
        options: Which faults are drawn.
        rng: Generator of all random choices.

    Returns:
        List of 2 to 8 tuples `(kind, severity)`. The severity is in [0.1, 1], or 0 for `"none"`.
    """
    count = int(rng.choice(_SIZES, p=_SIZE_CHANCES))
    chances = options.kind_chances
    kinds = rng.choice(list(chances), count, p=list(chances.values()))
    if rng.random() < options.one_kind_share:
        kinds[:] = kinds[0]
    # One severity from each of `count` equal intervals, in random order, covers the whole range.
    strata = (rng.permutation(count) + rng.random(count)) / count
    severities = _LEAST_SEVERITY + (1 - _LEAST_SEVERITY) * strata
    faults = [(str(k), float(np.float32(s))) for k, s in zip(kinds, severities, strict=True)]
    if rng.random() < _CLEAN_SERIES:
        faults[rng.integers(count)] = (NONE, 0.0)
    return faults


def take_photo(scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Photographs a scene as if by hand, with small random shifts, zoom, rotation and exposure.

    Args:
        scene: Array `[H, W, 3]`, uint8.
        rng: Generator of the camera movement, the exposure and the grain.

    Returns:
        Array `[H / MARGIN, W / MARGIN, 3]`, uint8.
    """
    height, width = scene.shape[:2]
    frame = round(width / MARGIN), round(height / MARGIN)
    angle = math.radians(float(np.clip(rng.normal(0, 0.2), -0.45, 0.45)))
    zoom = rng.uniform(0.97, 1.03)
    cosine, sine = zoom * math.cos(angle), zoom * math.sin(angle)
    moved = rng.uniform(-0.02, 0.02, 2) * frame
    x = width / 2 + moved[0] - (cosine * frame[0] - sine * frame[1]) / 2
    y = height / 2 + moved[1] - (sine * frame[0] + cosine * frame[1]) / 2
    photo = Image.fromarray(scene).transform(
        frame, Image.Transform.AFFINE, (cosine, -sine, x, sine, cosine, y),
        Image.Resampling.BICUBIC,
    )  # fmt: skip
    gain = 1 + rng.normal(0, 0.015)
    grain = rng.standard_normal((frame[1], frame[0], 1), np.float32) * rng.uniform(0.5, 4)
    return np.clip(np.asarray(photo) * gain + grain, 0, 255).astype(np.uint8)


def encode(photo: np.ndarray, options: SeriesOptions) -> bytes:
    """Encodes a photo as JPEG.

    Args:
        photo: Array `[H, W, 3]`, uint8.
        options: Options for writing photos. The photo is resized to `options.photo_size`.

    Returns:
        Bytes of the JPEG.
    """
    height, width = photo.shape[:2]
    scale = options.photo_size / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def pair_preferences(severities: np.ndarray, steepness: float) -> list[dict]:
    """Returns the preference of each pair of photos.

    Args:
        severities: Float array `[N]`, severity of each photo.
        steepness: Float, k in preference = sigmoid(k * (severity of second - severity of first)).

    Returns:
        List of dictionaries with `first`, `second` and `preference`, P(first is preferred). Each
        pair occurs once, with `first` < `second`.
    """
    pairs = []
    for first in range(len(severities)):
        for second in range(first + 1, len(severities)):
            logit = steepness * float(severities[second] - severities[first])
            preference = 1 / (1 + math.exp(-logit))
            pairs.append({"first": first, "second": second, "preference": preference})
    return pairs
