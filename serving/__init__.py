"""TensorFlow Serving: its configuration, and a client."""
