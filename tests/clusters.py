"""A Ray cluster of this machine, for as long as a test runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WAITS = {  # seconds, for machines that others use too
    "RAY_gcs_server_port_wait_time_s": "300",
    "RAY_worker_register_timeout_seconds": "300",
}


@contextmanager
def small_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With room for two workers. Skips the test where Ray is not installed.

    Its processes start late where others take the cores: it is tried twice.
    """
    ray = pytest.importorskip("ray")
    for name, value in (WAITS | {"PYTHONPATH": str(ROOT)}).items():
        monkeypatch.setenv(name, value)
    try:
        for last in (False, True):
            try:
                ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
                break
            except Exception:
                ray.shutdown()
                if last:
                    raise
        yield
    finally:
        ray.shutdown()
