"""Strengths of the photos of a series, from their pairwise preferences, in TensorFlow core ops."""

import tensorflow as tf

# Log-odds beyond this are rounding errors; without a bound, strengths would go to infinity.
_MOST_LOGIT = 12.0
# The start is close and a step is at most 1, so this is far more than any matrix needs.
_STEPS = 30


def bradley_terry_strengths(preferences: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Returns the strengths of photos by the model of Bradley and Terry (1952).

    In the model, P(i is preferred to j) = sigmoid(s_i - s_j). The result is the maximum-likelihood
    estimate where each pair counts once, as P(i, j) wins of i and P(j, i) wins of j. All pairs are
    compared equally often, so strengths order photos as the sums of their preferences do, and their
    differences are log-odds. The concave likelihood is maximised by Newton's method. Steps are
    limited to 1, within which the curvature cannot change much (Bach, *Self-concordant analysis for
    logistic regression*, 2010, proposition 1).

    Args:
        preferences: float32 tensor `[B, N, N]`, P(i is preferred to j) in (0, 1). The diagonal is
            ignored.
        valid: Boolean tensor `[B, N]`. Photos where it is false are in no pair.

    Returns:
        float32 tensor `[B, N]`, finite. The strengths of the valid photos of a series have mean 0;
        those of the others are 0.

    Example:

    >>> p = tf.constant([[[0.5, 0.8], [0.2, 0.5]]])
    >>> bradley_terry_strengths(p, tf.constant([[True, True]])).numpy().round(3)
    array([[ 0.693, -0.693]], dtype=float32)
    """
    compared = valid[:, :, tf.newaxis] & valid[:, tf.newaxis, :]
    compared = tf.linalg.set_diag(compared, tf.zeros_like(valid))
    least = tf.constant(1 / (1 + 2.718281828**_MOST_LOGIT), tf.float64)
    p = tf.clip_by_value(tf.cast(preferences, tf.float64), least, 1 - least)
    counts = tf.cast(compared, tf.float64)
    present = tf.cast(valid, tf.float64)
    sizes = tf.maximum(tf.reduce_sum(present, axis=-1, keepdims=True), 1)
    # The least-squares strengths, which are exact if the preferences are consistent.
    start = tf.reduce_sum(counts * (tf.math.log(p) - tf.math.log(1 - p)), axis=-1) / sizes
    # The likelihood leaves a common constant free, and the strengths of invalid photos.
    fixed = present[:, :, tf.newaxis] * present[:, tf.newaxis, :] / sizes[..., tf.newaxis]
    fixed += tf.linalg.diag(1 - present)

    def climb(step, strengths):
        expected = tf.sigmoid(strengths[:, :, tf.newaxis] - strengths[:, tf.newaxis, :])
        gradient = tf.reduce_sum(counts * (p - expected), axis=-1)
        weights = counts * expected * (1 - expected)
        curvature = tf.linalg.diag(tf.reduce_sum(weights, axis=-1)) - weights + fixed
        change = tf.linalg.solve(curvature, gradient[..., tf.newaxis])[..., 0]
        largest = tf.reduce_max(tf.abs(change), axis=-1, keepdims=True)
        return step + 1, strengths + change / tf.maximum(largest, 1)

    _, strengths = tf.while_loop(
        lambda step, strengths: step < _STEPS,
        climb,
        (tf.constant(0), start),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, None])),
    )
    return tf.cast(strengths, tf.float32)


def rank_by(strengths: tf.Tensor, valid: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
    """Returns the ranks of photos by their strength. Ties are broken by position.

    Args:
        strengths: Float tensor `[B, N]`.
        valid: Boolean tensor `[B, N]`. Photos where it is false come last, by position.
        counted: Boolean tensor `[B, N]`, false for padding.

    Returns:
        int32 tensor `[B, N]`. 1 is best; padding has 0.

    Example:

    >>> yes = tf.constant([[True, True, True]])
    >>> rank_by(tf.constant([[0.1, 0.7, 0.7]]), yes, yes).numpy().tolist()
    [[3, 1, 2]]
    """
    strengths = tf.where(valid, strengths, -float("inf"))
    strengths_i, strengths_j = strengths[:, :, tf.newaxis], strengths[:, tf.newaxis, :]
    places = tf.range(tf.shape(strengths)[1])
    earlier = places[tf.newaxis, :] < places[:, tf.newaxis]
    ahead = (strengths_j > strengths_i) | ((strengths_j == strengths_i) & earlier)
    ahead &= counted[:, tf.newaxis, :]
    ranks = 1 + tf.reduce_sum(tf.cast(ahead, tf.int32), axis=-1)
    return tf.where(counted, ranks, 0)
