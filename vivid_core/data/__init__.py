"""Datasets of clips, masks and captions."""
