"""Datasets of instruction editing: a clip, its edit and the instruction, as InsViE-1M was made."""
