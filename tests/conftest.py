"""Settings of all tests."""

import tensorflow as tf

# TensorFlow optimises each function anew, which takes most of the time of tests that run it once.
# The scripts and the loading of exports that tests start as processes of their own run with it.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
