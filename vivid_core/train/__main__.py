"""`python -m vivid_core.train CONFIG.yaml`, or `accelerate launch -m ...`: `vivid train`."""

import sys

from ..cli import main
from .processes import leave

leave(main(["train", *sys.argv[1:]]))
