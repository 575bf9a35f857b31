"""Tests of the models on any Keras backend.

They cover the photo encoder, the initial weights of backbones, the preference model,
squeeze-and-excitation, the presets with their parameter counts, and the error messages.
"""

import dataclasses
import functools

import keras
import numpy as np
import pytest

from keras_series.layers import PreferenceHead
from keras_series.models import (
    BACKBONES,
    PRESETS,
    PhotoEncoder,
    SeriesPreferenceModel,
    from_preset,
)
from keras_series.models.squeeze_excitation import squeeze_and_excite
from keras_series.models.tiny_resnet import tiny_resnet

SIZE = 64


def random_photos(*shape):
    return np.random.default_rng(0).integers(0, 256, (*shape, SIZE, SIZE, 3)).astype("float32")


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def dtype_of(tensor):
    return keras.backend.standardize_dtype(tensor.dtype)


@pytest.fixture(scope="module")
def model():
    return from_preset("tiny", image_size=SIZE)


@pytest.fixture
def mixed_policy():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(policy)


class TestPhotoEncoder:
    def test_paper_gives_7168_features_a_photo(self):
        encoder = from_preset("paper", weights=None).encoder
        features = encoder(np.zeros((1, 224, 224, 3), "float32"))
        assert tuple(features.shape) == (1, 7168)
        taps = encoder.get_layer("resnet50").outputs
        assert [tap.shape[1:] for tap in taps] == [(28, 28, 512), (14, 14, 1024), (7, 7, 2048)]

    @pytest.mark.parametrize("stage", [1, 2, 3, 4, 5])
    def test_a_stage_halves_the_resolution(self, stage):
        encoder = PhotoEncoder("tiny", stages=[stage], weights=None, image_size=SIZE)
        _, height, width, channels = encoder.get_layer("tiny").outputs[0].shape
        assert (height, width) == (SIZE >> stage, SIZE >> stage)
        assert encoder.output_shape == (None, 2 * channels)

    def test_caffe_preprocessing_of_resnet50(self):
        photos = random_photos(2)
        preprocessed = BACKBONES["resnet50"].preprocess(keras.ops.array(photos))
        expected = photos[..., ::-1] - np.array([103.939, 116.779, 123.68])
        np.testing.assert_allclose(numpy_of(preprocessed), expected, atol=1e-3)

    def test_tiny_preprocessing_is_inside(self, model):
        photos = random_photos(2)
        taps = model.encoder.get_layer("tiny")(photos / 127.5 - 1)
        units = [model.encoder.get_layer(f"stage{stage}_attention") for stage in (3, 4, 5)]
        vectors = [numpy_of(unit(tap)) for unit, tap in zip(units, taps, strict=True)]
        np.testing.assert_allclose(
            numpy_of(model.encoder(photos)), np.concatenate(vectors, axis=1), rtol=1e-4, atol=1e-5
        )

    def test_accepts_an_added_row(self, monkeypatch):
        row = dataclasses.replace(BACKBONES["tiny"], stages={4: "conv4_block1_2_bn"})
        monkeypatch.setitem(BACKBONES, "mine", row)
        encoder = PhotoEncoder("mine", stages=(4,), weights=None, image_size=SIZE)
        assert encoder.output_shape == (None, 160)


class TestWeights:
    @pytest.mark.parametrize("preset", ["paper", "resnet50", "senet"])
    def test_local_file_of_a_plain_resnet50(self, tmp_path, preset):
        path = tmp_path / "resnet50.weights.h5"
        application = keras.applications.ResNet50(
            include_top=False, weights=None, input_shape=(32, 32, 3)
        )
        application.save_weights(path)
        encoder = from_preset(preset, weights=path, image_size=32).encoder
        network = encoder.get_layer(encoder.backbone)
        theirs = {layer.name: layer.weights for layer in application.layers if layer.weights}
        ours = {layer.name: layer.weights for layer in network.layers if layer.weights}
        assert set(theirs) <= set(ours)
        for name, weights in theirs.items():
            for our, their in zip(ours[name], weights, strict=True):
                np.testing.assert_array_equal(numpy_of(our), numpy_of(their))

    def test_missing_local_file(self):
        with pytest.raises(
            FileNotFoundError, match=r"'resnet50' .*weights='nowhere\.h5', which is not"
        ):
            PhotoEncoder(weights="nowhere.h5")

    def test_no_imagenet_weights(self):
        with pytest.raises(ValueError, match="'tiny', which has no ImageNet weights"):
            PhotoEncoder("tiny")

    def test_failed_download_says_what_to_do(self, monkeypatch, tmp_path):
        row = BACKBONES["resnet50"]
        url = row.weights_url.replace("https://storage.googleapis.com", "http://127.0.0.1:9")
        monkeypatch.setitem(BACKBONES, "resnet50", dataclasses.replace(row, weights_url=url))
        empty_cache = functools.partial(keras.utils.get_file, cache_dir=str(tmp_path))
        monkeypatch.setattr(keras.utils, "get_file", empty_cache)
        with pytest.raises(OSError, match="Could not download") as failure:
            PhotoEncoder()
        name = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
        for part in (f"File: {name}", f"Source: {url}", f"models/{name}", "weights=PATH"):
            assert part in str(failure.value)

    def test_source_of_the_resnet50_weights(self):
        assert BACKBONES["resnet50"].weights_url == (
            "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
            "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
        )


class TestSeriesPreferenceModel:
    def test_logits_are_antisymmetric_to_the_last_bit(self, model):
        logits = numpy_of(model(random_photos(2, 3)))
        np.testing.assert_array_equal(logits, -np.swapaxes(logits, 1, 2))
        np.testing.assert_array_equal(logits[:, range(3), range(3)], 0)

    def test_a_pair_is_a_series_of_two(self, model):
        photos = random_photos(1, 3)
        series, pair = numpy_of(model(photos)), numpy_of(model(photos[:, 1:]))
        np.testing.assert_allclose(series[0, 1, 2], pair[0, 0, 1], atol=1e-5)

    def test_compare_is_the_sigmoid_of_the_logits(self, model):
        photos = random_photos(1, 3)
        embeddings = numpy_of(model.embed(photos))[0]
        preference = numpy_of(model.compare(embeddings[:1], embeddings))
        expected = 1 / (1 + np.exp(-numpy_of(model(photos))[0, 0]))
        np.testing.assert_allclose(preference, expected, atol=1e-5)

    def test_score_is_the_preference_to_the_reference(self, model):
        photos = random_photos(4)
        embeddings = model.embed(photos)
        model.set_reference(embeddings[0])
        scores = numpy_of(model.score(photos))
        np.testing.assert_allclose(scores[0], 0.5, atol=1e-6)
        expected = numpy_of(model.compare(embeddings, embeddings[0]))
        np.testing.assert_allclose(scores, expected, atol=1e-6)

    def test_shapes(self, model):
        assert tuple(model.embed(random_photos(2, 3)).shape) == (2, 3, 128)
        assert tuple(model.embed(random_photos(2)[0]).shape) == (128,)
        assert tuple(model.score(random_photos(2, 3)).shape) == (2, 3)
        assert model.compute_output_shape((2, 7, SIZE, SIZE, 3)) == (2, 7, 7)
        symbolic = model(keras.KerasTensor((None, 7, SIZE, SIZE, 3)))
        assert symbolic.shape == (None, 7, 7)

    def test_temperature_divides_the_log_odds(self):
        model = from_preset("tiny", image_size=SIZE)
        embeddings = numpy_of(model.embed(random_photos(2)))
        before = numpy_of(model.compare(embeddings[:1], embeddings[1:]))
        model.set_temperature(2.5)
        expected = 1 / (1 + ((1 - before) / before) ** (1 / 2.5))
        after = numpy_of(model.compare(embeddings[:1], embeddings[1:]))
        np.testing.assert_allclose(after, expected, rtol=1e-4)
        with pytest.raises(ValueError, match=r"positive temperature\. Received: temperature=0"):
            model.set_temperature(0)

    def test_all_weights_are_there_at_once(self):
        model = from_preset("tiny", image_size=SIZE)
        assert model.built
        assert sum(w.path.endswith("reference_embedding") for w in model.weights) == 1
        assert len({w.path for w in model.weights}) == len(model.weights)
        assert np.all(numpy_of(model.reference_embedding) == 0)
        assert model.reference_embedding.path not in {w.path for w in model.trainable_weights}

    def test_trains(self):
        model = from_preset("tiny", image_size=SIZE)
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(optimizer=keras.optimizers.Adam(1e-2), loss=loss)
        photos, labels = random_photos(2, 2), np.array([[[0.5, 1], [0, 0.5]]] * 2)
        losses = model.fit(photos, labels, epochs=8, verbose=0).history["loss"]
        assert losses[-1] < losses[0]

    def test_mixed_policy_gives_float32(self, mixed_policy, tmp_path):
        model = from_preset("tiny", image_size=SIZE)
        photos = random_photos(1, 3)
        assert dtype_of(model.encoder(photos[0])) == "bfloat16"
        assert dtype_of(model(photos)) == dtype_of(model.score(photos)) == "float32"
        assert model(keras.KerasTensor((1, 3, SIZE, SIZE, 3))).dtype == "float32"
        model.save(tmp_path / "model.keras")
        reloaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(numpy_of(reloaded(photos)), numpy_of(model(photos)))


class TestSqueezeAndExcitation:
    def test_residuals_are_weighted_by_the_equation(self):
        excited = squeeze_and_excite(tiny_resnet(input_shape=(SIZE, SIZE, 3)))
        names = ("conv3_block1_2_bn", "conv3_block1_0_bn", "conv3_block1_out")
        taps = keras.Model(excited.input, [excited.get_layer(name).output for name in names])
        residual, shortcut, out = map(numpy_of, taps(random_photos(2) / 255))
        reduce, excite = (
            numpy_of(excited.get_layer(f"conv3_block1_se_{step}").kernel)
            for step in ("reduce", "excite")
        )
        squeezed = residual.mean(axis=(1, 2))
        weights = 1 / (1 + np.exp(-np.maximum(squeezed @ reduce, 0) @ excite))
        expected = np.maximum(shortcut + residual * weights[:, None, None], 0)
        np.testing.assert_allclose(out, expected, atol=1e-4)

    def test_weights_of_the_plain_network_stay(self):
        network = tiny_resnet(input_shape=(SIZE, SIZE, 3))
        excited = squeeze_and_excite(network)
        kernel = excited.get_layer("conv4_block1_1_conv").kernel
        expected = network.get_layer("conv4_block1_1_conv").kernel
        np.testing.assert_array_equal(numpy_of(kernel), numpy_of(expected))


def resnet50_parameters():
    """Counts the weights of Keras' ResNet50 by table 1 of He et al. (2016), with biases and BN."""

    def convolution(size, inputs, outputs):
        return size * size * inputs * outputs + outputs + 4 * outputs

    total, inputs = convolution(7, 3, 64), 64
    for filters, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            if block == 0:
                total += convolution(1, inputs, 4 * filters)
            total += convolution(1, inputs, filters) + convolution(3, filters, filters)
            total += convolution(1, filters, 4 * filters)
            inputs = 4 * filters
    return total


def vgg16_parameters():
    """Counts the weights of VGG16's convolutions, model D of Simonyan and Zisserman (2015)."""
    total, inputs = 0, 3
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            total += 9 * inputs * filters + filters
            inputs = filters
    return total


def head_parameters(features):
    """Counts three layers without biases, the reference embedding and the temperature."""
    return features * 128 + 128 * 128 + 128 + 128 + 1


def attention_parameters(channels):
    """Counts two 1x1 convolutions with biases, and the two matrices of the CA-Cell."""
    return 2 * (channels * channels + channels) + 2 * channels * (channels // 16)


RESNET50 = resnet50_parameters()
# Hu et al. (2018), equation 5: 2 / r * sum of N_s * C_s ** 2.
EXCITATION = 2 * (3 * 256**2 + 4 * 512**2 + 6 * 1024**2 + 3 * 2048**2) // 16


class TestPresets:
    @pytest.mark.parametrize(
        ("preset", "features", "parameters"),
        [
            ("paper", 7168, RESNET50 + sum(map(attention_parameters, (512, 1024, 2048)))),
            ("resnet50", 2048, RESNET50),
            ("senet", 2048, RESNET50 + EXCITATION),
            ("chang2016", 512, vgg16_parameters()),
        ],
    )
    def test_parameters(self, preset, features, parameters):
        model = from_preset(preset, weights=None)
        assert model.encoder.output_shape == (None, features)
        assert model.count_params() == parameters + head_parameters(features)

    @pytest.mark.parametrize(
        ("preset", "differences"),
        [
            ("l3", {"stages": (3,)}),
            ("l4", {"stages": (4,)}),
            ("l5", {"stages": (5,)}),
            ("na", {"arrangement": "none"}),
            ("ca", {"arrangement": "channel"}),
            ("sa", {"arrangement": "spatial"}),
            ("ca_sa", {"arrangement": "channel-spatial"}),
            ("sa_ca", {"arrangement": "spatial-channel"}),
            ("average_pooling", {"pooling": "average"}),
            ("maximum_pooling", {"pooling": "maximum"}),
            ("released", {"gate": "released"}),
        ],
    )
    def test_a_row_differs_from_the_paper_in_one_thing(self, preset, differences):
        assert PRESETS[preset] == {**PRESETS["paper"], **differences}

    def test_overrides(self):
        model = from_preset("tiny", image_size=SIZE, arrangement="none", units=(32, 16))
        assert model.encoder.arrangement == "none"
        assert model.head.units == (32, 16)
        assert model.reference_embedding.shape == (32,)
        assert PRESETS["tiny"]["arrangement"] == "parallel"

    def test_paper_is_what_the_encoder_does_by_default(self):
        settings = {k: v for k, v in PRESETS["paper"].items() if k not in ("units", "weights")}
        config = PhotoEncoder(weights=None).get_config()
        assert settings == {name: config[name] for name in settings}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: from_preset("papre"), "one of: 'paper', 'l3', .*'tiny'. Received: name='papre'"),
        (lambda m: from_preset("tiny", size=96), "'image_size', .*Received: override='size'"),
        (lambda m: PhotoEncoder("vgg"), "`backbone` to be one of: 'resnet50', .*'tiny'"),
        (
            lambda m: PhotoEncoder("tiny", stages=(3, 6)),
            r"\(1, 2, 3, 4, 5\), each at most once. .*\(3, 6\)",
        ),
        (lambda m: PhotoEncoder("tiny", stages=()), r"one or more of .*Received: stages=\(\)"),
        (lambda m: PhotoEncoder("tiny", resize="fit"), "`resize` to be one of: 'crop', 'pad'"),
        (
            lambda m: m(np.zeros((3, 224))),
            r"rank 5 \[batch, photos, height, width, 3\]. Received: shape=\(3, 224\)",
        ),
        (
            lambda m: m.embed(np.zeros((2, 32, 32, 3))),
            r"shape \[..., 64, 64, 3\]. Received: shape=\(2, 32, 32, 3\)",
        ),
        (lambda m: m.set_reference(np.zeros(3)), r"shape \(128,\). Received: shape=\(3,\)"),
    ],
)
def test_invalid_arguments(model, make, message):
    with pytest.raises(ValueError, match=message):
        make(model)


def test_custom_head():
    encoder = PhotoEncoder("tiny", weights=None, image_size=SIZE)
    model = SeriesPreferenceModel(encoder, PreferenceHead(units=(16, 8)))
    assert tuple(model.embed(random_photos(2)).shape) == (2, 16)
