"""Files that appear whole or not at all, digests, and weight files that are read with care."""
