"""Which shots belong together: times, clocks, cameras, names, brackets and panoramas."""

import datetime
import functools
import pathlib

import numpy as np
import pytest
from PIL import Image

from keras_series.ranking import CaptureTime, Metadata, Shot, describe_content, group_shots
from tests.drawn_photos import draw_photo

NOON = datetime.datetime(2024, 5, 3, 12)
R5 = "Canon EOS R5 1"
Z6 = "NIKON Z 6 2"


@functools.lru_cache
def content(seed):
    """A thumbnail; those of different seeds are of different content."""
    grain = np.random.default_rng(seed).uniform(0, 255, (6, 6)).astype(np.uint8)
    return np.asarray(Image.fromarray(grain).resize((64, 64), Image.Resampling.BICUBIC))


def shot(name, seconds=None, seed=0, camera=R5, zone=None, stops=0.0, **metadata):
    """A shot of a camera; `stops` darken or brighten its photo."""
    taken = None
    if seconds is not None:
        offset = None if zone is None else datetime.timezone(datetime.timedelta(hours=zone))
        taken = CaptureTime(
            (NOON + datetime.timedelta(seconds=seconds)).replace(tzinfo=offset), "DateTimeOriginal"
        )
    photo = None if seed is None else np.clip(content(seed) * 1.3**stops, 0, 255).astype(np.uint8)
    return Shot(pathlib.Path("trip", name), Metadata(taken, camera, **metadata), photo)


def names(shots, **options):
    """The groups by the names of their shots without the suffix, and their kinds."""
    groups = group_shots(shots, **options)
    found = [" ".join(each.path.stem for each in group) for _, group in groups]
    return found, [kind for kind, _ in groups]


def series_of(shots, **options):
    return names(shots, **options)[0]


def test_bursts_go_on_across_full_seconds_whatever_they_show():
    burst = [shot(f"{n}.jpg", 58.8 + n / 20, seed=n) for n in range(40)]
    assert series_of(burst[::-1]) == [" ".join(map(str, range(40)))]


def test_full_seconds_are_sorted_by_the_numbers_of_names():
    burst = [shot(f"D{n}.jpg", n // 4, seed=1) for n in range(7, 13)]
    assert series_of(burst[::-1]) == ["D7 D8 D9 D10 D11 D12"]


def test_shots_of_one_full_second_are_a_series_whatever_they_show():
    assert series_of([shot(f"{n}.jpg", 7, seed=n) for n in range(4)]) == ["0 1 2 3"]


@pytest.mark.parametrize(
    ("gap", "same", "count"),
    [(0.4, False, 1), (2, True, 1), (2, False, 2), (29, True, 1), (31, True, 2)],
)
def test_gaps_and_content(gap, same, count):
    shots = [shot("a.jpg", 0.1, 1), shot("b.jpg", 0.1 + gap, 1 if same else 2)]
    assert len(series_of(shots)) == count


def test_the_limits_can_be_chosen():
    shots = [shot("a.jpg", 0.1, 1), shot("b.jpg", 5.1, 2), shot("c.jpg", 50.1, 2)]
    assert series_of(shots) == ["a", "b", "c"]
    assert series_of(shots, min_similarity=0) == ["a b", "c"]
    assert series_of(shots, max_gap=60) == ["a", "b c"]
    assert series_of(shots, max_gap=0, min_similarity=0) == ["a", "b", "c"]


def test_one_photo_of_something_else_does_not_end_a_series():
    shots = [shot(f"{n}.jpg", 3 * n + 0.1, seed=9 if n == 2 else 1) for n in range(5)]
    assert series_of(shots) == ["0 1 3 4", "2"]


def test_photos_that_cannot_be_decoded_stay_with_those_before():
    assert series_of([shot("a.jpg", 0.1, 1), shot("b.jpg", 5, None), shot("c.jpg", 9, 1)]) == [
        "a b c"
    ]


def test_cameras_are_not_mixed():
    shots = [shot(f"a{n}.jpg", n / 8 + 0.01, 1) for n in range(4)]
    shots += [shot(f"b{n}.jpg", n / 8 + 0.05, 2, Z6) for n in range(4)]
    assert series_of(shots) == ["a0 a1 a2 a3", "b0 b1 b2 b3"]


def test_cameras_whose_clocks_agree_are_mixed():
    shots = [shot(f"a{n}.jpg", n / 8 + 0.01, 1) for n in range(3)]
    shots += [shot(f"b{n}.jpg", n / 8 + 0.05, 1, Z6) for n in range(3)]
    assert series_of(shots) == ["a0 b0 a1 b1 a2 b2"]


def test_one_chance_likeness_does_not_make_clocks_agree():
    shots = [shot(f"a{n}.jpg", 100 * n + 0.01, n) for n in range(6)]
    shots += [shot(f"b{n}.jpg", 100 * n + 1.01, 0 if n == 0 else 20 + n, Z6) for n in range(6)]
    assert len(series_of(shots)) == 12


def test_zones():
    shots = [
        shot("a.jpg", 7200.1, 1, zone=2), shot("b.jpg", 0.3, 1, zone=0), shot("c.jpg", 7200.5, 1),
        shot("d.jpg", 3600.2, 1, zone=2),
    ]  # fmt: skip
    assert series_of(shots) == ["d", "a b c"]


def test_folders_are_not_mixed():
    first, second = shot("a/1.jpg", 0.1), shot("b/1.jpg", 0.2)
    assert len(group_shots([second, first])) == 2
    assert group_shots([second, first])[0][1] == [first]


def test_without_times_by_content():
    seeds = {"q": 1, "x": 2, "a": 1, "r": 3, "z": 2}
    shots = [shot(f"{name}.jpg", seed=seed) for name, seed in seeds.items()]
    assert sorted(series_of(shots)) == ["a q", "r", "x z"]


def test_without_times_numbers_in_a_row_need_less():
    first = content(1).astype(float)
    other = np.clip(0.62 * first + 0.38 * content(2), 0, 255).astype(np.uint8)
    similarity = float(np.prod(describe_content([content(1), other]), axis=0).sum())
    assert 0.55 < similarity < 0.69
    for stem, count in ("IMG_2", 1), ("X_9", 2):
        shots = [
            shot("IMG_1.jpg", seed=1),
            Shot(pathlib.Path("trip", f"{stem}.jpg"), Metadata(), other),
        ]
        assert len(series_of(shots)) == count


def test_a_photo_without_a_time_joins_its_series():
    shots = [
        shot("1.jpg", 0.1, 1),
        shot("2.jpg", seed=1),
        shot("3.jpg", 0.3, 1),
        shot("9.jpg", 90.1, 2),
    ]
    assert series_of(shots) == ["1 3 2", "9"]


def bracket(biases, start=0.1, seed=1, tagged=True, first=0, camera=R5):
    return [
        shot(
            f"{first + n}.jpg", start + n / 4, seed, camera, stops=bias,
            exposure_bias=bias if tagged else None, exposure=-5.0 + bias,
        )
        for n, bias in enumerate(biases)
    ]  # fmt: skip


@pytest.mark.parametrize("tagged", [True, False])
@pytest.mark.parametrize("biases", [[0, -2], [0, -1, 1], [-0.7, 0, 0.7], [0, -1, 1, -2, 2]])
def test_brackets(biases, tagged):
    found, kinds = names(bracket(biases, tagged=tagged))
    assert kinds == ["bracket"]
    assert len(found) == 1


def test_brackets_in_a_row_and_beside_others():
    shots = [shot("0.jpg", 0.1, 1, exposure_bias=0.0), shot("1.jpg", 3.1, 1, exposure_bias=0.0)]
    shots += bracket([-1, 0, 1], 6.1, first=2) + bracket([-1, 0, 1], 8.1, first=5)
    shots += [shot("8.jpg", 12.1, 1, exposure_bias=0.0)]
    assert names(shots) == (["0 1 8", "2 3 4", "5 6 7"], ["series", "bracket", "bracket"])


def test_what_is_no_bracket():
    corrected = [shot(f"{n}.jpg", n * 5 + 0.1, 1, exposure_bias=-0.7 * n) for n in range(2)]
    assert names(corrected)[1] == ["series"]
    of_others = [shot(f"{n}.jpg", 2 * n + 0.1, n, exposure_bias=float(n)) for n in range(3)]
    assert "bracket" not in names(of_others)[1]
    # Automatic exposure: the light changes, and the photos do not.
    automatic = [shot(f"{n}.jpg", n / 4, 1, exposure=float(n)) for n in range(3)]
    assert names(automatic)[1] == ["series"]


def panorama(share, count=4, gap=2.0, exposures=(0.0,) * 9, subject=False):
    grain = np.random.default_rng(5).uniform(0, 255, (8, 75)).astype(np.uint8)
    wide = np.asarray(Image.fromarray(grain).resize((900, 96), Image.Resampling.BICUBIC))
    shots = []
    for n in range(count):
        left = round(n * share * 128)
        photo = Image.fromarray(wide[:, left : left + 128])
        if subject:
            photo.paste(draw_photo(70, 80, seed=1).convert("L"), (30, 8))
        squeezed = np.asarray(photo.resize((64, 64), Image.Resampling.BOX))
        metadata = shot(f"{n}.jpg", n * gap + 0.1, exposure=exposures[n]).metadata
        shots.append(Shot(pathlib.Path("trip", f"{n}.jpg"), metadata, squeezed))
    return shots


@pytest.mark.parametrize("share", [0.25, 0.4, -0.4, 0.55, 0.7])
def test_panoramas(share):
    shots = panorama(abs(share))
    if share < 0:  # From right to left
        taken = [each.thumbnail for each in shots][::-1]
        shots = [Shot(s.path, s.metadata, t) for s, t in zip(shots, taken, strict=True)]
    assert names(shots) == (["0 1 2 3"], ["panorama"])


@pytest.mark.parametrize(
    "options",
    [
        {"count": 2}, {"gap": 0.1}, {"share": 0.05}, {"share": 0.4, "subject": True},
        {"exposures": (0.0, 1.0, 0.0, 1.0)},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_panorama(options):
    assert "panorama" not in names(panorama(**{"share": 0.4} | options))[1]


def test_nothing_and_damaged_metadata():
    assert group_shots([]) == []
    shots = [shot("a.jpg", camera=""), shot("\udce9.jpg", seed=None), shot("b.jpg", -1e9, None)]
    assert sum(len(group) for _, group in group_shots(shots)) == 3
