"""The trained weights that come with the package: loaded, described, exported, used by default."""

import csv
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from keras_series.export import pretrained_export
from keras_series.models import (
    PRETRAINED,
    load_pretrained,
    pretrained_card,
    pretrained_weights,
)
from keras_series.photos import decode_photos
from tfds_series.synthetic_series.degradations import degrade
from tfds_series.synthetic_series.scenes import draw_scene
from tfds_series.synthetic_series.series import SeriesOptions, encode

ROOT = pathlib.Path(__file__).parents[1]


def drawn_photos(seed=1):
    """A drawn scene, sharp and out of focus."""
    scene = draw_scene(np.random.default_rng(seed), 512)
    blurred = degrade(scene, "defocus", 0.6, np.random.default_rng(0))
    return [encode(photo, SeriesOptions(photo_size=512)) for photo in (scene, blurred)]


@pytest.mark.parametrize("name", PRETRAINED)
def test_the_model(name):
    model = load_pretrained(name)
    assert float(model.temperature) != 1
    assert np.abs(model.reference_embedding.numpy()).max() > 0
    photos, _ = decode_photos(drawn_photos(), model.encoder.image_size)
    sharp, blurred = model.score(photos).numpy()
    assert 0 < blurred < sharp < 1


@pytest.mark.parametrize("name", PRETRAINED)
def test_the_card_and_the_size(name):
    card = pretrained_card(name)
    assert card["pretrained"] == name
    assert card["training"]["recipe"]["epochs"] >= 1
    assert card["evaluation"]["metrics"]["pair_accuracy"]["low"] > 0.5
    assert "BIQ2021" in card["terms"]
    assert "composition" in card["limits"]
    assert pretrained_weights(name).stat().st_size < 12e6


def test_an_unknown_name_is_refused():
    for function in (load_pretrained, pretrained_card, pretrained_weights):
        with pytest.raises(ValueError, match="Expected `name` to be"):
            function("light")


@pytest.mark.slow
def test_photos_are_ranked_without_naming_a_model(tmp_path, monkeypatch):
    home = {"KERAS_HOME": str(tmp_path / "home")}
    (tmp_path / "photos").mkdir()
    for name, content in zip(("b.jpg", "a.jpg"), drawn_photos(), strict=True):
        (tmp_path / "photos" / name).write_bytes(content)
    command = [sys.executable, "rank.py", f"--photos={tmp_path / 'photos'}"]
    command += [f"--csv={tmp_path / 'ranked.csv'}"]
    result = subprocess.run(
        command, cwd=ROOT, env=os.environ | home, capture_output=True, text=True, check=True
    )
    assert "Exporting the network lite" in result.stdout
    rows = list(csv.DictReader((tmp_path / "ranked.csv").read_text().splitlines()))
    assert [row["path"].rpartition("/")[2] for row in rows] == ["b.jpg", "a.jpg"]
    # The export is there now, and nothing is left beside it.
    monkeypatch.setenv("KERAS_HOME", home["KERAS_HOME"])
    monkeypatch.setattr("keras_series.export.pretrained._export", None)
    version = pretrained_export("lite")
    assert list(version.parent.iterdir()) == [version]


def test_a_home_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    with pytest.raises(OSError, match="Set KERAS_HOME to a folder that can be written"):
        pretrained_export("lite")


@pytest.mark.slow
def test_a_wheel_has_the_weights(tmp_path):
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < 25e6
    target = tmp_path / "installed"
    subprocess.run([*pip, "install", "--no-deps", "--target", target, wheel], check=True)
    code = (
        "import keras_series; from keras_series.models import load_pretrained;"
        "print(keras_series.__file__, load_pretrained('lite').count_params())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(target)}, capture_output=True, text=True,
    )  # fmt: skip
    assert str(target) in result.stdout, result.stderr
