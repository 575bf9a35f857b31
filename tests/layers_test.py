"""Tests of the layers on any Keras backend.

Outputs are compared with NumPy code written from the paper's equations. The other tests cover
shapes, dtypes, weights, the antisymmetry of the preference head and the error messages.
"""

import keras
import numpy as np
import pytest

from keras_series.layers import CACell, ParallelAttentionUnit, PreferenceHead, SACell

POOLINGS = ("average", "maximum", "both")
GATES = ("sigmoid", "released")
ARRANGEMENTS = ("parallel", "none", "channel", "spatial", "channel-spatial", "spatial-channel")
SHAPE = (3, 5, 4, 16)


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def randomize(layer):
    """Sets random weights, including the biases, which Keras initializes to zero."""
    layer.set_weights([random(*weight.shape, seed=i) for i, weight in enumerate(layer.weights)])


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def assert_equal_to(tensor, expected):
    np.testing.assert_allclose(numpy_of(tensor), expected, rtol=1e-5, atol=1e-5)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def pool(context, pooling, axis):
    mean, maximum = context.mean(axis, keepdims=True), context.max(axis, keepdims=True)
    return {"average": mean, "maximum": maximum, "both": mean + maximum}[pooling]


def spatial(features, context, pooling, gate):
    z = pool(context, pooling, axis=3)
    return features * (sigmoid(z) if gate == "sigmoid" else relu(z))


def channel(features, context, weights, pooling, gate):
    z = relu(pool(context, pooling, axis=(1, 2)) @ weights[0]) @ weights[1]
    return features * (sigmoid(z) if gate == "sigmoid" else z)


def unit_maps(unit, features):
    """Computes the maps of a unit from its weights: two if it is parallel, else one."""
    weights = {w.path.split("/", 1)[1]: numpy_of(w).astype("float64") for w in unit.weights}
    excitation = [weights.get(f"channel_cell/{name}/kernel") for name in ("squeeze", "excite")]

    def context(maps):
        query = maps
        for name in ("query_1", "query_2"):
            query = query @ weights[f"{name}/kernel"][0, 0] + weights[f"{name}/bias"]
        return maps * query

    def cell(kind, maps):
        if kind == "spatial":
            return spatial(maps, context(maps), unit.pooling, unit.gate)
        return channel(maps, context(maps), excitation, unit.pooling, unit.gate)

    features = features.astype("float64")
    if unit.arrangement == "parallel":
        return [cell("spatial", features), cell("channel", features)]
    if unit.arrangement != "none":
        for kind in unit.arrangement.split("-"):
            features = cell(kind, features)
    return [features]


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("gate", GATES)
class TestCells:
    def test_sa_cell_equals_numpy(self, pooling, gate):
        features, context = random(*SHAPE), random(*SHAPE, seed=1)
        cell = SACell(pooling=pooling, gate=gate)
        expected = spatial(features, context, pooling, gate)
        assert_equal_to(cell(features, context), expected)
        assert_equal_to(
            cell.pooled(keras.ops.array(features), keras.ops.array(context)),
            expected.mean(axis=(1, 2)),
        )

    def test_ca_cell_equals_numpy(self, pooling, gate):
        features, context = random(*SHAPE), random(*SHAPE, seed=1)
        cell = CACell(reduction_ratio=4, pooling=pooling, gate=gate)
        cell.build(SHAPE, SHAPE)
        randomize(cell)
        weights = [numpy_of(cell.squeeze.kernel), numpy_of(cell.excite.kernel)]
        expected = channel(features, context, weights, pooling, gate)
        assert_equal_to(cell(features, context), expected)
        assert_equal_to(
            cell.pooled(keras.ops.array(features), keras.ops.array(context)),
            expected.mean(axis=(1, 2)),
        )


def test_ca_cell_has_two_matrices_without_biases():
    cell = CACell(reduction_ratio=4)
    cell.build(SHAPE, SHAPE)
    assert [tuple(weight.shape) for weight in cell.weights] == [(16, 4), (4, 16)]


def test_ca_cell_keeps_at_least_one_channel():
    cell = CACell(reduction_ratio=64)
    cell.build(SHAPE, SHAPE)
    assert cell.squeeze.units == 1


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("gate", GATES)
def test_unit_equals_numpy(arrangement, pooling, gate):
    unit = ParallelAttentionUnit(arrangement, reduction_ratio=4, pooling=pooling, gate=gate)
    unit.build(SHAPE)
    # Small weights, since without the sigmoid the sequential arrangements are polynomials of
    # degree 6.
    randomize(unit)
    unit.set_weights([0.3 * weight for weight in unit.get_weights()])
    features = random(*SHAPE, seed=9)
    maps = unit_maps(unit, features)
    assert_equal_to(unit(features), np.concatenate([m.mean(axis=(1, 2)) for m in maps], axis=1))
    attended = unit.attend(keras.ops.array(features))
    attended = attended if arrangement == "parallel" else [attended]
    for attended_map, expected in zip(attended, maps, strict=True):
        assert_equal_to(attended_map, expected)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_unit_output_shape(arrangement):
    unit = ParallelAttentionUnit(arrangement)
    channels = 32 if arrangement == "parallel" else 16
    assert unit.compute_output_shape(SHAPE) == (3, channels)
    assert tuple(unit(random(*SHAPE)).shape) == (3, channels)
    assert unit(keras.KerasTensor((None, 5, 4, 16))).shape == (None, channels)


def test_unit_takes_maps_of_unknown_size():
    maps = keras.Input((None, None, 16))
    model = keras.Model(maps, ParallelAttentionUnit()(maps))
    assert tuple(model(random(*SHAPE)).shape) == (3, 32)


def test_attend_builds_the_unit():
    spatial_map, channel_map = ParallelAttentionUnit().attend(keras.ops.array(random(*SHAPE)))
    assert tuple(spatial_map.shape) == tuple(channel_map.shape) == SHAPE


@pytest.mark.parametrize("cell", [SACell(), CACell()])
def test_cell_output_shape(cell):
    assert cell.compute_output_shape(SHAPE, SHAPE) == SHAPE
    assert tuple(cell(random(*SHAPE), random(*SHAPE)).shape) == SHAPE


@pytest.fixture
def head():
    head = PreferenceHead(units=(6, 4))
    head.embed(random(1, 10))
    randomize(head)
    return head


def test_head_equals_numpy(head):
    w1, w2, w3 = (
        numpy_of(getattr(head, name).kernel).astype("float64")
        for name in ("embedding", "hidden", "preference")
    )
    features = random(2, 5, 10, seed=5)
    difference = features[:, :, None].astype("float64") - features[:, None]
    expected = np.tanh(np.tanh(difference @ w1) @ w2) @ w3
    embeddings = head.embed(features)
    assert_equal_to(head(embeddings), expected[..., 0])
    pair = head.compare(embeddings[:, :4], embeddings[:, 1:])
    assert_equal_to(pair, expected[:, range(4), range(1, 5), 0])


@pytest.mark.parametrize("photos", [1, 2, 7, 33])
def test_head_is_antisymmetric_to_the_last_bit(head, photos):
    logits = numpy_of(head(1e3 * random(2, photos, 6)))
    np.testing.assert_array_equal(logits, -np.swapaxes(logits, 1, 2))
    np.testing.assert_array_equal(logits[:, range(photos), range(photos)], 0)


def test_head_compare_is_antisymmetric_to_the_last_bit(head):
    a, b = keras.ops.array(random(33, 6)), keras.ops.array(random(33, 6, seed=1))
    np.testing.assert_array_equal(numpy_of(head.compare(a, b)), -numpy_of(head.compare(b, a)))


def test_head_has_three_matrices_without_biases(head):
    assert [tuple(weight.shape) for weight in head.weights] == [(10, 6), (6, 4), (4, 1)]


def test_head_output_shape():
    head = PreferenceHead()
    assert head.compute_output_shape((2, 7, 128)) == (2, 7, 7)
    assert head(keras.KerasTensor((None, None, 128))).shape == (None, None, None)


def test_head_calculates_in_float32_under_a_mixed_policy():
    head = PreferenceHead(dtype="mixed_bfloat16")
    embeddings = head.embed(keras.ops.cast(random(1, 3, 10), "bfloat16"))
    logits = head(embeddings)
    dtypes = [keras.backend.standardize_dtype(x.dtype) for x in (embeddings, logits)]
    assert dtypes == ["float32", "float32"]
    assert head(keras.KerasTensor((1, 3, 128))).dtype == "float32"


def test_unit_follows_a_mixed_policy():
    unit = ParallelAttentionUnit(dtype="mixed_bfloat16")
    assert keras.backend.standardize_dtype(unit(random(*SHAPE)).dtype) == "bfloat16"
    assert {weight.dtype for weight in unit.weights} == {"float32"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SACell(pooling="mean"), "`pooling` to be one of: 'average', 'maximum', 'both'"),
        (lambda: SACell(gate="relu"), "`gate` to be one of: 'sigmoid', 'released'"),
        (lambda: CACell(pooling="sum"), "`pooling` to be one of"),
        (lambda: CACell(reduction_ratio=0), "positive integer. Received: reduction_ratio=0"),
        (lambda: ParallelAttentionUnit("both"), "`arrangement` to be one of: 'none', 'channel'"),
        (lambda: ParallelAttentionUnit(gate="no"), "Received: gate='no'"),
        (lambda: ParallelAttentionUnit()(random(2, 3)), r"rank 4 .* Received: shape=\(2, 3\)"),
        (
            lambda: SACell()(random(*SHAPE), random(3, 5, 4, 8)),
            "features and context of the same shape",
        ),
        (lambda: CACell()(random(2, 3), random(2, 3)), "features and context of the same shape"),
        (lambda: PreferenceHead(units=(128,)), "two positive integers. Received: units=\\(128,\\)"),
        (lambda: PreferenceHead()(random(2, 3, 7)), r"shape \[..., 128\]. Received: .*\(2, 3, 7\)"),
    ],
)
def test_invalid_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("arrangement", ["parallel", "spatial", "spatial-channel"])
def test_spatial_gate_weights_the_features(arrangement):
    features = random(*SHAPE)
    unit = ParallelAttentionUnit(arrangement, reduction_ratio=4)
    unit(features)
    randomize(unit)
    gate = numpy_of(unit.spatial_gate(features))
    query = features
    for convolution in unit.query_convolutions:
        query = query @ numpy_of(convolution.kernel)[0, 0] + numpy_of(convolution.bias)
    assert gate.shape == (*SHAPE[:3], 1)
    assert_equal_to(features * gate, spatial(features, features * query, "both", "sigmoid"))


@pytest.mark.parametrize("arrangement", ["none", "channel"])
def test_without_a_spatial_cell_there_is_no_gate(arrangement):
    assert ParallelAttentionUnit(arrangement).spatial_gate(random(*SHAPE)) is None
