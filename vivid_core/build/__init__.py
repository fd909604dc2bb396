"""Datasets from videos: what is in them is found, masked, followed and described, or erased."""
