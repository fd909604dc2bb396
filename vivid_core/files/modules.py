"""Build a module from a configuration and tensors, and make sure that every weight arrived."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .weights import describe

_ALIGNMENT = 64  # bytes; what torch allocates at
_LISTED = 4  # names an error message lists before it says how many more
SHOWN = 300  # characters of what a library says


def fill_module(
    build: Callable[[], nn.Module],
    tensors: Mapping[str, Tensor],
    *,
    what: str,
    dtype: torch.dtype,
) -> nn.Module:
    """Build an empty module, give it the tensors, and return it frozen in eval mode.

    `what` names the component in errors. Raises ModelError for missing, unexpected, misshapen or
    non-finite tensors.
    """
    from accelerate import init_empty_weights

    with torch.inference_mode(False), torch.no_grad():
        with init_empty_weights():  # buffers stay real: some are computed, not stored
            module = _built(build, what)
        check_shapes(module, {k: tuple(v.shape) for k, v in tensors.items()}, what=what)
        cast = {key: _cast(key, value, dtype, what) for key, value in tensors.items()}
        module.load_state_dict(cast, assign=True)
        if hasattr(module, "tie_weights"):
            module.tie_weights()  # pyright: ignore[reportCallIssue]
        for buffer in module.buffers():
            if buffer.is_floating_point():
                buffer.data = buffer.data.to(dtype)
        _require_complete(module, what)
    return module.eval().requires_grad_(False)


def _built(build: Callable[[], nn.Module], what: str) -> nn.Module:
    try:
        return build()
    except Exception as error:  # classes of others fail in any way at values they do not expect
        told = repr(error)[:SHOWN]
        raise ModelError(
            f"the {what} cannot be built as its configuration says ({told}): download it again"
        ) from error


def check_shapes(module: nn.Module, shapes: Mapping[str, tuple[int, ...]], *, what: str) -> None:
    """Raise ModelError unless these are exactly the module's tensors."""
    expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    missing, extra = expected.keys() - shapes.keys(), shapes.keys() - expected.keys()
    if missing or extra:
        problems = [_listed("missing", missing)] if missing else []
        problems += [_listed("unexpected", extra)] if extra else []
        found = (
            f"; the file looks like {describe(shapes)}" if len(missing) > len(expected) / 2 else ""
        )
        raise ModelError(f"the {what} does not fit its configuration: {'; '.join(problems)}{found}")
    for key in expected:
        if expected[key] != shapes[key]:
            raise ModelError(
                f"the {what} does not fit its configuration: {key} is {list(shapes[key])}, "
                f"expected {list(expected[key])}"
            )


def _cast(key: str, value: Tensor, dtype: torch.dtype, what: str) -> Tensor:
    value = value.to(dtype) if value.is_floating_point() else value
    if value.is_floating_point() and not torch.isfinite(value).all():
        raise ModelError(
            f"the {what} holds NaN or infinity in {key} at {dtype}: the file is damaged, or the "
            "precision too narrow for it"
        )
    # Kernels round differently on tensors mapped from a file at odd addresses.
    return value.clone() if value.data_ptr() % _ALIGNMENT else value


def _require_complete(module: nn.Module, what: str) -> None:
    empty = [name for name, p in module.named_parameters() if p.is_meta]
    empty += [name for name, b in module.named_buffers() if b.is_meta]
    if empty:
        raise ModelError(f"the {what} was left without weights: {_listed('empty', set(empty))}")


def _listed(label: str, names: set[str]) -> str:
    shown = ", ".join(sorted(names)[:_LISTED])
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{label} {shown}{more}"
