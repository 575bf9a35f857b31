"""The reviews behind PhotoTriage's labels: votes and reasons, put back to the right photos.

The review files number the photos of a series differently from the pair lists and the file names,
by a permutation that is not published. It is recovered: the strengths that explain the votes best
must give the probabilities in the pair list.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json

import numpy as np

from tfds_series.photo_triage.pair_lists import ListedSeries

# Each vote is counted as 0.99 of a win and 0.01 of a loss: of the 2,913 series of two photos, 2,911
# have the probability 0.01 + 0.98 k / n, for some k of n votes, to the three decimals given.
_LOSS_OF_A_VOTE = 0.01
_LOWEST = 0.01
# The pair list is rounded to 0.0005, and of any three photos its probabilities differ by up to
# 0.017 from what a Bradley-Terry model can give.
TOLERANCE = 0.02
_MAX_PHOTOS = 8


@dataclasses.dataclass(frozen=True)
class Review:
    """What one reviewer said of two photos, by the review file's own numbers, from 0.

    Attributes:
        preferred: number of the preferred photo.
        other: number of the other photo.
        praise: what is good about the preferred one, in the reviewer's words; may be empty.
        criticism: what is wrong with the other one; may be empty.
    """

    preferred: int
    other: int
    praise: str = ""
    criticism: str = ""


def read_reviews(content: bytes) -> list[Review]:
    """Reads a review file.

    Args:
        content: JSON, `{"reviews": [{"compareID1": 0, "compareID2": 1, "userChoice": "LEFT",
            "reason": ["...", "..."]}, ...]}`, where left is the first photo.

    Returns:
        The reviews that made a choice.

    Raises:
        ValueError: if it is no such file.
    """
    try:
        entries = json.loads(content)["reviews"]
        return [_read_review(entry) for entry in entries if entry["userChoice"] in _SIDES]
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise ValueError(
            'Expected JSON as {"reviews": [{"compareID1": 0, "compareID2": 1, "userChoice": '
            f'"LEFT", "reason": ["", ""]}}, ...]}}. Received: {content[:40]!r}... ({error!r})'
        ) from error


def align(reviews: list[Review], series: ListedSeries) -> dict[int, int] | None:
    """Finds which number in the reviews is which photo of the pair list.

    Strengths are fitted to the votes (Bradley and Terry 1952). Of all permutations, those match
    under which every pair's probability, clipped to [0.01, 0.99], is within `TOLERANCE` of the pair
    list's.

    Args:
        reviews: of the series.
        series: with published preferences, of every pair.

    Returns:
        The photo for each number, if exactly one permutation matches; else `None`: where the votes
        do not connect all photos, photos are alike, or nothing matches.
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

    Without an alignment, votes are -1 and reasons have -1 for their pair and photo. Reviews of
    photos that the example has not are left out.

    Args:
        example: with `pairs`; gets `aligned` and `reasons`, and its pairs their votes.
        reviews: of the series.
        photo_of_number: what `align` gives.
        photos: the photos' numbers in the pair list, in the order of the example.
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
        wins: float [N, N], how often i won over j; each meeting with a part for either.

    Returns:
        float [N] with mean 0; `None` if the meetings do not connect all.

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
    for _ in range(200):  # Newton's method; shortened steps, as the first may lead too far.
        probabilities = _probabilities(strengths)
        gradient = (wins - meetings * probabilities).sum(axis=1)
        curvature = meetings * probabilities * (1 - probabilities)
        # The constant added takes away the freedom of a common shift.
        hessian = np.diag(curvature.sum(axis=1)) - curvature + 1 / count
        step = np.clip(np.linalg.solve(hessian, gradient), -1, 1)
        strengths += step
        if np.abs(step).max() < 1e-9:
            break
    return strengths - strengths.mean()


_SIDES = {"LEFT": ("compareID1", "compareID2"), "RIGHT": ("compareID2", "compareID1")}


def _read_review(entry):
    preferred, other = (int(entry[key]) for key in _SIDES[entry["userChoice"]])
    texts = [str(text).strip() for text in entry.get("reason", ())]
    return Review(preferred, other, *texts[:2])


def _wins(reviews, count):
    wins = np.zeros((count, count))
    for review in reviews:
        wins[review.preferred, review.other] += 1 - _LOSS_OF_A_VOTE
        wins[review.other, review.preferred] += _LOSS_OF_A_VOTE
    return wins


def _probabilities(strengths):
    return 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))


@functools.cache
def _permutations(count):
    return np.array(list(itertools.permutations(range(count))))
