"""vivid-tiny: a small real model that ships with the pack, so that everything runs at once."""

from .load import TINY_NAME, TINY_WEIGHTS, assemble, load_model, load_tiny

__all__ = ["TINY_NAME", "TINY_WEIGHTS", "assemble", "load_model", "load_tiny"]
