"""Evaluation: how often a model prefers what people prefer."""
