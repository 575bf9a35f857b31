"""Training: a dataset in, a run's folder out."""
