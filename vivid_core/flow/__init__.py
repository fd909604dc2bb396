"""Optical flow, the camera's motion, masks that stay on the background, and filling from it."""
