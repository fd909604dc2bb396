"""ComfyUI's own nodes that workflows use: what they take and give."""

from __future__ import annotations

from typing import Any

# By id: widgets, inputs, outputs.
CORE: dict[str, dict[str, Any]] = {
    "SaveVideo": {
        "display_name": "Save Video",
        "widgets": {"filename_prefix": "video/ComfyUI", "format": "auto", "codec": "auto"},
        "inputs": [("video", "VIDEO")],
        "outputs": [],
    },
    "UNETLoader": {
        "display_name": "Load Diffusion Model",
        "widgets": {"unet_name": "", "weight_dtype": "default"},
        "inputs": [],
        "outputs": [("MODEL", "MODEL")],
    },
    "CLIPLoader": {
        "display_name": "Load CLIP",
        "widgets": {"clip_name": "", "type": "wan", "device": "default"},
        "inputs": [],
        "outputs": [("CLIP", "CLIP")],
    },
    "VAELoader": {
        "display_name": "Load VAE",
        "widgets": {"vae_name": ""},
        "inputs": [],
        "outputs": [("VAE", "VAE")],
    },
    "EmptyImage": {
        "display_name": "EmptyImage",
        "widgets": {"width": 512, "height": 512, "batch_size": 1, "color": 0},
        "inputs": [],
        "outputs": [("IMAGE", "IMAGE")],
    },
    "ImageCompositeMasked": {
        "display_name": "Image Composite Masked",
        "widgets": {"x": 0, "y": 0, "resize_source": False},
        "inputs": [("destination", "IMAGE"), ("source", "IMAGE"), ("mask", "MASK")],
        "outputs": [("IMAGE", "IMAGE")],
    },
    "GetVideoComponents": {
        "display_name": "Get Video Components",
        "widgets": {},
        "inputs": [("video", "VIDEO")],
        "outputs": [("images", "IMAGE"), ("audio", "AUDIO"), ("fps", "FLOAT")],
    },
    "CheckpointLoaderSimple": {
        "display_name": "Load Checkpoint",
        "widgets": {"ckpt_name": ""},
        "inputs": [],
        "outputs": [("MODEL", "MODEL"), ("CLIP", "CLIP"), ("VAE", "VAE")],
    },
    "CLIPTextEncode": {
        "display_name": "CLIP Text Encode (Prompt)",
        "widgets": {"text": ""},
        "inputs": [("clip", "CLIP")],
        "outputs": [("CONDITIONING", "CONDITIONING")],
    },
    "SAM3_VideoTrack": {
        "display_name": "Run SAM3 Video Track",
        "widgets": {"detection_threshold": 0.5, "max_objects": 4, "detect_interval": 1},
        "inputs": [
            ("images", "IMAGE"),
            ("model", "MODEL"),
            ("initial_mask", "MASK"),
            ("conditioning", "CONDITIONING"),
        ],
        "outputs": [("track_data", "SAM3_TRACK_DATA")],
    },
    "SAM3_TrackToMask": {
        "display_name": "SAM3 Track to Mask",
        "widgets": {"object_indices": ""},
        "inputs": [("track_data", "SAM3_TRACK_DATA")],
        "outputs": [("masks", "MASK")],
    },
}
