"""Models that ComfyUI itself loads, as inpainters: a window of pixels in, pixels out."""
