"""Learn which photo of a series people prefer, and put that judgement to use."""

__version__ = "0.1.0"
