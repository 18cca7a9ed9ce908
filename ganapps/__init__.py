"""See, use, compare and understand GANs in a browser."""

__version__ = "0.1.0"
