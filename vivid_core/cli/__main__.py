"""`python -m vivid_core.cli`: the same as `vivid`."""

import sys

from . import main

sys.exit(main())
