"""TFDS examples to batches, annotations and embeddings."""
