"""Measures how often each verdict of a ranking is right, on series with people's ratings.

    python benchmarks/verdicts.py --data_dir=FOLDER

`FOLDER` has the prepared dataset biq2021/series, whose validation photos no training has seen.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator

import numpy as np
from absl import flags

from keras_series import cli

_DATA_DIR = cli.define_path("data_dir", "Folder of prepared datasets.")
_MODEL = cli.define_path("model", "Folder of an exported version. Defaults to the shipped network.")
_SPLIT = flags.DEFINE_string("split", "validation", "Split.")


def answers(data_dir: str | None, split: str, model: str) -> Iterator[tuple[str, str, bool]]:
    """Yields for each pair of photos what it is, its verdict, and whether the ratings agree.

    Args:
        data_dir: Folder of prepared datasets.
        split: String, name of the split.
        model: Folder of an exported version.
    """
    from keras_series.data import SeriesDataset
    from keras_series.ranking.lazy_model import LazyModel
    from keras_series.ranking.order import order_series

    network = LazyModel(model)
    examples = SeriesDataset.open("biq2021/series", data_dir).examples(split)
    for example in examples.as_numpy_iterator():
        ratings = example["photos"]["rating"]
        encoded = [network.encode([each])[0] for each in example["photos"]["photo_bytes"]]
        embeddings = np.stack([embedding for embedding, _, _ in encoded])
        (order,) = order_series(network.compare, [embeddings])
        yield from _judged("neighbours", order.places[:-1], order.places[1:], order.sure, ratings)
        first, second = np.triu_indices(len(ratings), 1)
        preferences = network.compare(embeddings[first], embeddings[second])
        # The network's own answer, whichever of the two it prefers.
        swapped = preferences < 0.5
        first, second = np.where(swapped, (second, first), (first, second))
        surer = np.maximum(preferences, 1 - preferences)
        yield from _judged("all pairs", first, second, surer, ratings)


def _judged(kind, better, worse, sure, ratings):
    from keras_series.ranking.order import verdict

    for a, b, preference in zip(better, worse, sure, strict=True):
        if ratings[a] != ratings[b]:
            yield kind, verdict(preference), bool(ratings[a] > ratings[b])


def main() -> None:
    model = cli.exported_or_pretrained(_MODEL.value)
    counts = collections.Counter(answers(_DATA_DIR.value, _SPLIT.value, model))
    for kind, name in sorted({(kind, name) for kind, name, _ in counts}):
        right, wrong = counts[kind, name, True], counts[kind, name, False]
        print(f"{kind}, {name}: {right / (right + wrong):.1%} of {right + wrong}")


if __name__ == "__main__":
    cli.run(main, only_exports=lambda: True)
