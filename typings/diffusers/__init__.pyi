"""Leaves diffusers untyped: its annotations contradict what it accepts and returns."""

from typing import Any

def __getattr__(name: str) -> Any: ...
