"""Procedural footage with a known truth, at a size that people look at; needs no model."""
