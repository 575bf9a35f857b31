"""Measures for how many series the reviews are matched to the right photos.

    python benchmarks/align_reviews.py --pair_lists=FOLDER

FOLDER has train_pairlist.txt and val_pairlist.txt. The benchmark draws votes from the real
probabilities, 7 to 13 per pair as in the series of two photos, fits a new pair list to them as the
real one was fitted, and renumbers the photos at random. `align` then has to recover the numbers. A
second run fits the pair list with the same weight for each pair, whatever its number of votes.
"""

import collections
import pathlib

import numpy as np
from absl import flags
from tqdm import tqdm

from keras_series import cli
from tfds_series.photo_triage import pair_lists, reviews
from tfds_series.photo_triage.pair_lists import ListedSeries
from tfds_series.photo_triage.source_files import LISTS

_PAIR_LISTS = flags.DEFINE_string("pair_lists", None, "Folder of the real pair lists.")
_VOTES = (7, 13)  # Smallest and largest number of votes for a pair.


def redraw(
    series: ListedSeries, rng: np.random.Generator, same_weight: bool
) -> tuple[list[tuple[int, int]], ListedSeries]:
    """Draws votes for a series and fits a new pair list to them.

    Args:
        series: Series of the real pair list.
        rng: Generator of the votes.
        same_weight: Boolean, whether each pair instead of each vote has the same weight in the fit.

    Returns:
        List of the votes as tuples `(preferred, other)` of 0-based indices into the sorted photos,
        and the series with the fitted preferences.
    """
    photos = sorted(series.ranks)
    voted, wins = [], np.zeros((len(photos), len(photos)))
    for (a, b), preference in series.preferences.items():
        first, second = photos.index(a), photos.index(b)
        count = rng.integers(_VOTES[0], _VOTES[1] + 1)
        for won in rng.random(count) < preference:
            voted.append((first, second) if won else (second, first))
        share = 0.01 + 0.98 * voted.count((first, second)) / count
        weight = 1 if same_weight else count
        wins[first, second], wins[second, first] = weight * share, weight * (1 - share)
    strengths = dict(zip(photos, reviews.fit_strengths(wins), strict=True))
    fitted = {
        (a, b): round(float(np.clip(1 / (1 + np.exp(strengths[b] - strengths[a])), 0.01, 0.99)), 3)
        for a, b in series.preferences
    }
    return voted, ListedSeries(series.first_line, series.ranks, fitted)


def outcome(series: ListedSeries, rng: np.random.Generator, same_weight: bool) -> str:
    """Tests the alignment of a series on redrawn votes.

    Args:
        series: Series of the real pair list.
        rng: Generator of the votes and the numbering.
        same_weight: Boolean, whether each pair instead of each vote has the same weight in the fit.

    Returns:
        `"right"`, `"wrong"` or `"not aligned"`.
    """
    voted, listed = redraw(series, rng, same_weight)
    number = rng.permutation(len(series.ranks))
    aligned = reviews.align([reviews.Review(number[a], number[b]) for a, b in voted], listed)
    if aligned is None:
        return "not aligned"
    photos = sorted(series.ranks)
    is_right = all(aligned[number[place]] == photo for place, photo in enumerate(photos))
    return "right" if is_right else "wrong"


def main() -> None:
    """Prints the fractions of right and wrong alignments by the number of photos in a series."""
    all_series = []
    for split in ("train", "validation"):
        text = pathlib.Path(_PAIR_LISTS.value, LISTS[split]).read_text(encoding="utf-8")
        all_series += pair_lists.read_pair_list(text, LISTS[split]).values()
    for same_weight in (False, True):
        rng = np.random.default_rng(0)
        counts = {size: collections.Counter() for size in range(2, 9)}
        for series in tqdm(all_series, disable=None, leave=False):
            counts[len(series.ranks)][outcome(series, rng, same_weight)] += 1
        print(f"Each {'pair' if same_weight else 'vote'} has the same weight in the fit")
        for size, each in [*counts.items(), ("all", sum(counts.values(), collections.Counter()))]:
            shares = (f"{name} {each[name] / each.total():6.1%}" for name in ("right", "wrong"))
            print(f"{size!s:>5} photos: {each.total():5} series, {', '.join(shares)}")


if __name__ == "__main__":
    cli.run(main, "pair_lists")
