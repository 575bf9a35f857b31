"""Settings of all tests."""

import contextlib

# TensorFlow optimises each function anew, which takes most of the time of tests that run it once.
# The scripts and the loading of exports that tests start as processes of their own run with it.
# Layers and models are tested without TensorFlow, too.
with contextlib.suppress(ImportError):
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
