"""Values and gradients of any critic at many points, by the differentiation of the library that it is written in.

A critic takes a batch of points (n, *shape) and returns a value each, (n,) or (n, 1); in JAX it may also take one point.
"""

import importlib
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from w1bench.arrays import Array, RowArray
from w1bench.client.user_module import import_file
from w1bench.errors import DivergedError, InputError, SubmissionError, W1BenchError

Framework = Literal["torch", "jax", "numpy"]
_STEP = 6e-6  # of a central difference: the cube root of float64's rounding, in units of the points' size


class At(NamedTuple):
    """f and grad f at points: (n,) and (n, *shape)."""

    value: NDArray[Any]
    gradient: NDArray[Any]


class Differentiated(NamedTuple):
    """A critic with its gradient, and what was found out about it on the way."""

    at: Callable[[Array], At]
    framework: Framework
    remarks: tuple[str, ...]


def import_critic(place: str) -> Callable[..., Any]:
    """The object named by `package.module:name` or `path/to/file.py:name`.

    Raises:
        InputError: there is no such module, file or name.
    """
    module_name, _, name = place.rpartition(":")
    if not module_name or not name:
        raise InputError(f"A critic came as {place!r}; give package.module:name or path/to/file.py:name.")
    try:
        module = import_file(Path(module_name)) if module_name.endswith(".py") else importlib.import_module(module_name)
    except (ImportError, OSError) as error:
        raise InputError(
            f"{module_name} cannot be imported ({error}); give package.module:name or path/to/file.py:name."
        ) from None
    if not hasattr(module, name):
        raise InputError(
            f"{module_name} has no {name}; it has {', '.join(n for n in dir(module) if not n.startswith('_'))}."
        )
    return getattr(module, name)


@contextmanager
def differentiated(
    critic: Callable[..., Any],
    sample: Array,
    *,
    framework: Framework | None = None,
    gradient: Callable[[Array], Any] | None = None,
):
    """The critic with its gradient for the block, within which a torch module is in evaluation mode; `sample` is two points to try it on.

    Raises:
        InputError: its library cannot be told.
        SubmissionError: it raises an error, or does not return a value a point.
    """
    if not callable(critic):
        raise InputError(
            f"The critic came as a {type(critic).__name__}; give a torch module, or a function of points, before the pair."
        )
    kind = framework or ("numpy" if gradient is not None else _framework_of(critic, sample))
    module: Any = critic if kind == "torch" and getattr(critic, "training", False) else None  # of torch, to be put back
    if module is not None:
        module.eval()
    try:
        match kind:
            case "torch":
                at, remarks = _by_torch(critic, sample)
            case "jax":
                at, remarks = _by_jax(critic, sample)
            case "numpy":
                at, remarks = _by_numpy(critic, gradient)
        _check_batch(at, sample)
        layers = (type(layer).__module__ for layer in module.modules()) if module is not None else ()
        if {"torch.nn.modules.dropout", "torch.nn.modules.batchnorm"} & set(layers):
            remarks += (
                "The module was in training mode and was evaluated in evaluation mode (dropout and batch norm differ).",
            )
        yield Differentiated(at, kind, remarks)
    finally:
        if module is not None:
            module.train()


def at_rows(at: Callable[[Array], At], points: RowArray, batch: int, *, gradients: bool = True) -> At:
    """f and grad f at all rows of a data set, `batch` of them at a time; without `gradients` an empty array in their place."""
    values, slopes = list[NDArray[Any]](), list[NDArray[Any]]()
    for start in range(0, points.shape[0], batch):
        part = at(points[start : start + batch])
        values.append(part.value)
        slopes.append(part.gradient if gradients else part.gradient[:0])
    return At(np.concatenate(values), np.concatenate(slopes))


def _framework_of(critic: Callable[..., Any], sample: Array) -> Framework:
    """Which library a critic is written in: what a torch module is, or what it makes of arrays."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(critic, torch.nn.Module):
        return "torch"
    refused: Exception | None = None
    for points in (sample[0], sample):
        try:
            answer = critic(points)
        except Exception as error:  # noqa: BLE001 - whatever a function of tensors, or of batches, does with arrays
            refused = error
            continue
        if type(answer).__module__.partition(".")[0] in ("jax", "jaxlib"):
            return "jax"
        if points is sample and isinstance(answer, np.ndarray | np.generic | float):
            return "numpy"
    if torch is not None:
        for dtype in (None, torch.float32):
            try:
                if isinstance(critic(torch.as_tensor(sample, dtype=dtype)), torch.Tensor):
                    return "torch"
            except Exception as error:  # noqa: BLE001
                refused = error
    raise InputError(
        f"The critic gave no values for a numpy array of shape {sample.shape}, nor for a torch tensor of it"
        + (f"; it raised {type(refused).__name__}: {refused}" if refused else "")
        + '. Correct it, or say what it takes by framework="torch", "jax" or "numpy".'
    )


def _by_torch(critic: Callable[..., Any], sample: Array) -> tuple[Callable[[Array], At], tuple[str, ...]]:
    import torch

    weight = next(critic.parameters(), None) if isinstance(critic, torch.nn.Module) else None
    single = weight is None and _takes_float32_alone(critic, torch.from_numpy(sample))
    dtype = torch.float32 if single else weight.dtype if weight is not None else None
    device = torch.device("cpu") if weight is None else weight.device

    def at(points: Array) -> At:
        x = torch.as_tensor(np.asarray(points), dtype=dtype, device=device).requires_grad_()
        with torch.enable_grad():
            value = _flat(critic(x), x.shape)
            if not value.requires_grad:
                raise SubmissionError(
                    "The critic's value does not depend on its points as torch sees it (detached or a constant); return a differentiable value."
                )
            (slope,) = torch.autograd.grad(value.sum(), x)
        return At(value.detach().cpu().double().numpy(), slope.detach().cpu().numpy())

    return at, ("The critic takes points in float32 alone, and was evaluated in it.",) if single else ()


def _takes_float32_alone(critic: Callable[..., Any], points: Any) -> bool:
    """Whether a function of tensors, such as one that holds a float32 module, refuses the precision of its points."""
    try:
        critic(points)
    except RuntimeError:  # torch's own, of two precisions in one operation
        try:
            critic(points.float())
        except RuntimeError:
            return False  # it is told as it comes
        return True
    return False


def _by_jax(critic: Callable[..., Any], sample: Array) -> tuple[Callable[[Array], At], tuple[str, ...]]:
    import jax  # pyright: ignore[reportMissingImports]

    try:
        of_point = np.ndim(critic(sample)) == 0
    except (TypeError, ValueError):  # shapes that do not fit
        of_point = True

    def total(points: Any) -> Any:
        return critic(points).sum()

    of_sum = jax.jit(jax.grad(total))
    pointwise = jax.jit(jax.vmap(jax.value_and_grad(critic)))

    def at(points: Array) -> At:
        x = jax.numpy.asarray(points)
        if of_point:
            value, slope = pointwise(x)
        else:
            value, slope = _flat(critic(x), x.shape), of_sum(x)
        return At(np.asarray(value, np.float64), np.asarray(slope))

    exact = jax.numpy.asarray(sample).dtype == sample.dtype
    return at, () if exact else ("JAX computes in float32 unless jax_enable_x64 is set.",)


def _by_numpy(
    critic: Callable[..., Any], gradient: Callable[[Array], Any] | None
) -> tuple[Callable[[Array], At], tuple[str, ...]]:
    def value(points: Array) -> NDArray[np.float64]:
        return np.asarray(_flat(np.asarray(critic(points)), points.shape), np.float64)

    def by_differences(points: Array) -> NDArray[np.float64]:
        x = np.asarray(points, np.float64)
        flat, slope = x.reshape(len(x), -1).copy(), np.empty((len(x), x[0].size))
        step = _STEP * max(1.0, float(np.abs(flat).max()))
        for d in range(flat.shape[1]):
            here = flat[:, d].copy()
            flat[:, d] = here + step
            upper = value(flat.reshape(x.shape))
            flat[:, d] = here - step
            slope[:, d] = (upper - value(flat.reshape(x.shape))) / (2 * step)
            flat[:, d] = here
        return slope.reshape(x.shape)

    def at(points: Array) -> At:
        return At(value(points), np.asarray(by_differences(points) if gradient is None else gradient(points)))

    return at, () if gradient else (
        "Gradients are central differences of the critic in float64; give gradient=... for its own.",
    )


def _flat(value: Any, shape: Any) -> Any:
    """A value a point, (n,); a column is one."""
    if tuple(value.shape) not in ((shape[0],), (shape[0], 1)):
        raise SubmissionError(
            f"The critic made values of shape {tuple(value.shape)} of points of shape {tuple(shape)}; it must return one value a point, "
            f"({shape[0]},) or ({shape[0]}, 1)."
        )
    return value.reshape(-1)


def _check_batch(at: Callable[[Array], At], sample: Array) -> None:
    """Raise a SubmissionError if the gradient has another shape than the points, or a point's value depends on its neighbours."""
    try:
        both = at(sample)
    except W1BenchError:
        raise
    except Exception as error:
        raise SubmissionError(
            f"The critic raised {type(error).__name__} ({error}) for points of shape {sample.shape}; it must give a number for each."
        ) from error
    if both.gradient.shape != sample.shape:
        raise SubmissionError(
            f"The gradient came with shape {both.gradient.shape} for points of shape {sample.shape}; give one of the points' shape."
        )
    if not np.isfinite(both.value).all():
        raise DivergedError(
            f"The critic's value at a point is {both.value[~np.isfinite(both.value)][0]}, which is no number (did its training diverge?)."
        )
    alone = at(sample[:1])
    if not np.allclose(alone.value, both.value[:1], rtol=1e-3, atol=1e-6):
        raise SubmissionError(
            "The critic's value at a point depends on the other points of its batch (batch norm in training mode?); a potential is a function of one point."
        )
