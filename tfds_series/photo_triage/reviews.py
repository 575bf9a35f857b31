"""Matches the reviews behind PhotoTriage's labels, votes and reasons, to their photos.

The review files number the photos of a series differently from the pair lists and the file names.
The permutation is not published, but it can be recovered: Bradley-Terry strengths fitted to the
votes must give the probabilities in the pair list.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json

import numpy as np

from tfds_series.photo_triage.pair_lists import ListedSeries

# A vote counts as 0.99 of a win and 0.01 of a loss. Of the 2,913 series of two photos, 2,911 have
# the probability 0.01 + 0.98 k / n, for some k of n votes, to the three published decimals.
_LOSS_OF_A_VOTE = 0.01
_LOWEST = 0.01
# Largest difference of a fitted from a listed probability. It exceeds the rounding of the pair
# lists (0.0005) and the largest deviation of three photos from a Bradley-Terry model (0.017).
TOLERANCE = 0.02
_MAX_PHOTOS = 8


@dataclasses.dataclass(frozen=True)
class Review:
    """One reviewer's opinion of two photos, which have the review file's numbers, from 0.

    Attributes:
        preferred: Integer, number of the preferred photo.
        other: Integer, number of the other photo.
        praise: String, what is good about the preferred photo, in the reviewer's words. Defaults
            to `""`.
        criticism: String, what is wrong with the other photo, in the reviewer's words. Defaults to
            `""`.
    """

    preferred: int
    other: int
    praise: str = ""
    criticism: str = ""


def read_reviews(content: bytes) -> list[Review]:
    """Reads a review file.

    Args:
        content: Bytes, JSON of the form `{"reviews": [{"compareID1": 0, "compareID2": 1,
            "userChoice": "LEFT", "reason": ["...", "..."]}, ...]}`. Left is the first photo.

    Returns:
        List of the reviews that choose a photo.

    Raises:
        ValueError: If the content does not have this form.
    """
    try:
        entries = json.loads(content)["reviews"]
        return [_read_review(entry) for entry in entries if entry["userChoice"] in _SIDES]
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise ValueError(
            'Expected JSON like {"reviews": [{"compareID1": 0, "compareID2": 1, "userChoice": '
            f'"LEFT", "reason": ["", ""]}}, ...]}}. Received: {content[:40]!r}... ({error!r})'
        ) from error


def align(reviews: list[Review], series: ListedSeries) -> dict[int, int] | None:
    """Finds the photo of the pair list for each number in the reviews.

    Strengths are fitted to the votes (Bradley and Terry 1952). A permutation matches if it brings
    the probability of every pair, clipped to [0.01, 0.99], within `TOLERANCE` of the pair list's.

    Args:
        reviews: List of the reviews of the series.
        series: Series with the published preference of every pair.

    Returns:
        Dictionary of the photo for each number, or `None` if there is not exactly one matching
        permutation: the votes do not connect all photos, photos are interchangeable, or no
        permutation matches.
    """
    photos = sorted(series.ranks)
    count = len(photos)
    numbers = {number for review in reviews for number in (review.preferred, review.other)}
    if not numbers <= set(range(count)) or not 2 <= count <= _MAX_PHOTOS:
        return None
    strengths = fit_strengths(_wins(reviews, count))
    if strengths is None or len(series.preferences) < count * (count - 1) // 2:
        return None
    fitted = np.clip(_probabilities(strengths), _LOWEST, 1 - _LOWEST)
    first, second = np.triu_indices(count, 1)
    pairs = [(photos[a], photos[b]) for a, b in zip(first, second, strict=True)]
    listed = np.array([series.preferences[pair] for pair in pairs])
    permutations = _permutations(count)
    errors = np.abs(fitted[permutations[:, first], permutations[:, second]] - listed)
    matching = permutations[errors.max(axis=1) <= TOLERANCE]
    if len(matching) != 1:
        return None
    return {int(number): photo for number, photo in zip(matching[0], photos, strict=True)}


def attach(
    example: dict, reviews: list[Review], photo_of_number: dict[int, int] | None, photos: list[int]
) -> None:
    """Adds votes and reasons to an example.

    Without an alignment, votes are -1, and so are the pair and the photo of each reason. With one,
    reviews of photos that the example lacks are left out.

    Args:
        example: Dictionary with `pairs`, changed in place. It gets `aligned` and `reasons`, and
            each of its pairs gets `left_votes` and `right_votes`.
        reviews: List of the reviews of the series.
        photo_of_number: Dictionary or `None`, as `align` returns it.
        photos: List of the photos' numbers in the pair list, in the order of the example.
    """
    aligned = photo_of_number is not None
    pair_of_places = {}
    for place, pair in enumerate(example["pairs"]):
        pair_of_places[pair["first"], pair["second"]] = place
        pair["left_votes"] = pair["right_votes"] = 0 if aligned else -1
    example["aligned"] = aligned
    example["reasons"] = []
    for review in reviews:
        preferred = other = pair = -1
        if aligned:
            numbers = photo_of_number[review.preferred], photo_of_number[review.other]
            if not set(numbers) <= set(photos):
                continue
            preferred, other = map(photos.index, numbers)
            pair = pair_of_places[min(preferred, other), max(preferred, other)]
            example["pairs"][pair]["left_votes" if preferred < other else "right_votes"] += 1
        for photo, is_praise, text in (
            (preferred, True, review.praise),
            (other, False, review.criticism),
        ):
            if text:
                reason = {"pair": pair, "photo": photo, "is_praise": is_praise, "text": text}
                example["reasons"].append(reason)


def fit_strengths(wins: np.ndarray) -> np.ndarray | None:
    """Fits Bradley-Terry strengths by maximum likelihood: P(i beats j) = sigmoid(s_i - s_j).

    Args:
        wins: Float array `[N, N]`, how often i beats j. Two items that are compared must each have
            a positive number of wins over the other.

    Returns:
        Float array `[N]` of strengths with mean 0, or `None` if the comparisons do not connect all
        N items.

    Example:

    >>> wins = np.array([[0.0, 3.0, 9.0], [1.0, 0.0, 3.0], [1.0, 1.0, 0.0]])
    >>> np.exp(fit_strengths(wins)).round(3)
    array([3.   , 1.   , 0.333])
    """
    count = len(wins)
    meetings = wins + wins.T
    if not np.linalg.matrix_power((meetings > 0) + np.eye(count), count).all():
        return None
    strengths = np.zeros(count)
    for _ in range(200):  # Newton's method, with clipped steps because early ones can overshoot.
        probabilities = _probabilities(strengths)
        gradient = (wins - meetings * probabilities).sum(axis=1)
        curvature = meetings * probabilities * (1 - probabilities)
        # The added constant removes the free common shift and makes the matrix invertible.
        hessian = np.diag(curvature.sum(axis=1)) - curvature + 1 / count
        step = np.clip(np.linalg.solve(hessian, gradient), -1, 1)
        strengths += step
        if np.abs(step).max() < 1e-9:
            break
    return strengths - strengths.mean()


_SIDES = {"LEFT": ("compareID1", "compareID2"), "RIGHT": ("compareID2", "compareID1")}


def _read_review(entry: dict) -> Review:
    preferred, other = (int(entry[key]) for key in _SIDES[entry["userChoice"]])
    texts = [str(text).strip() for text in entry.get("reason", ())]
    return Review(preferred, other, *texts[:2])


def _wins(reviews: list[Review], count: int) -> np.ndarray:
    wins = np.zeros((count, count))
    for review in reviews:
        wins[review.preferred, review.other] += 1 - _LOSS_OF_A_VOTE
        wins[review.other, review.preferred] += _LOSS_OF_A_VOTE
    return wins


def _probabilities(strengths: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))


@functools.cache
def _permutations(count: int) -> np.ndarray:
    return np.array(list(itertools.permutations(range(count))))
