"""The HTML page of an evaluation: the most confident mistakes, and what the model attends to."""

import numpy as np
import pytest

from keras_series.evaluation import KerasPredictor, draw_report, evaluate, page, write_page
from keras_series.models import from_preset
from tests.examples import many_series


@pytest.fixture(scope="module")
def model():
    model = from_preset("tiny", image_size=32)
    model.set_temperature(2.0)
    return model


def test_the_page_is_complete(model, tmp_path):
    series = many_series(9)
    report = evaluate(KerasPredictor(model), series, resamples=100)
    report |= {"dataset": "<few>", "split": "test"}
    draw_report(report, tmp_path / "plots.png")
    write_page(report, series, tmp_path / "plots.png", tmp_path / "page.html", model.encoder)
    text = (tmp_path / "page.html").read_text()
    assert report["mistakes"]
    # The plots, and of each photo of a mistake itself and its gates.
    assert text.count("<img src='data:image/") == 1 + 4 * len(report["mistakes"])
    assert "http" not in text
    assert "&lt;few&gt;" in text
    assert report["verdict"] in text


def test_gates_differ_where_the_photos_do(model):
    photos = np.full((2, 32, 32, 3), 128.0, "float32")
    assert np.abs(page.gate_difference(model.encoder, photos)).max() < 1e-3
    photos[1, :16] = np.random.default_rng(0).uniform(0, 255, (16, 32, 3))
    difference = page.gate_difference(model.encoder, photos)
    np.testing.assert_array_equal(difference[0], -difference[1])
    assert np.abs(difference).max() == pytest.approx(1)
    flat = from_preset("tiny", image_size=32, arrangement="channel").encoder
    assert page.gate_difference(flat, photos) is None
