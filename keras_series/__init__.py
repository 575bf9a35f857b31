"""Learn which photo of a series people prefer, and use what was learned."""

__version__ = "0.1.0"

__all__ = ["__version__"]
