"""How many series' reviews are put back to the right photos.

    python benchmarks/align_reviews.py --pair_lists=FOLDER

FOLDER has train_pairlist.txt and val_pairlist.txt. Votes are drawn from the real probabilities, 7
to 13 a pair as the series of two photos have; a new pair list is fitted to them as the real one
was; the photos are numbered anew at random; and `align` has to find the numbers. Once more with a
pair list that was fitted otherwise, each pair weighing the same however many votes it has.
"""

import collections
import pathlib

import numpy as np
from absl import flags
from tqdm import tqdm

from keras_series import cli
from tfds_series.photo_triage import pair_lists, reviews
from tfds_series.photo_triage.source_files import LISTS

_PAIR_LISTS = flags.DEFINE_string("pair_lists", None, "Folder of the real pair lists.")
_VOTES = (7, 13)


def redraw(series, rng, same_weight):
    """Votes as `Review`s by the pair list's order, and the series with the list they give."""
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
    return voted, pair_lists.ListedSeries(series.first_line, series.ranks, fitted)


def outcome(series, rng, same_weight):
    voted, listed = redraw(series, rng, same_weight)
    number = rng.permutation(len(series.ranks))
    aligned = reviews.align([reviews.Review(number[a], number[b]) for a, b in voted], listed)
    if aligned is None:
        return "not aligned"
    photos = sorted(series.ranks)
    is_right = all(aligned[number[place]] == photo for place, photo in enumerate(photos))
    return "right" if is_right else "wrong"


def main():
    all_series = []
    for split in ("train", "validation"):
        text = pathlib.Path(_PAIR_LISTS.value, LISTS[split]).read_text(encoding="utf-8")
        all_series += pair_lists.read_pair_list(text, LISTS[split]).values()
    for same_weight in (False, True):
        rng = np.random.default_rng(0)
        counts = {size: collections.Counter() for size in range(2, 9)}
        for series in tqdm(all_series, disable=None, leave=False):
            counts[len(series.ranks)][outcome(series, rng, same_weight)] += 1
        print("Each pair weighs the same" if same_weight else "Each vote weighs the same")
        for size, each in [*counts.items(), ("all", sum(counts.values(), collections.Counter()))]:
            shares = (f"{name} {each[name] / each.total():6.1%}" for name in ("right", "wrong"))
            print(f"{size!s:>5} photos: {each.total():5} series, {', '.join(shares)}")


if __name__ == "__main__":
    cli.run(main, "pair_lists")
