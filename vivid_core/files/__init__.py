"""Files that appear whole or not at all, checksums, digests, and files that are read with care."""
