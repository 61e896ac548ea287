# What stylecfm uses of scipy.ndimage, with types: scipy states none, and pyright guesses from its
# source that results may be None, numbers or tuples.
from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np

Array = np.ndarray[Any, Any]

def binary_erosion(
    input: Array, structure: Array | None = None, iterations: int = 1, *, border_value: int = 0
) -> np.ndarray[Any, np.dtype[np.bool_]]: ...
def binary_fill_holes(
    input: Array, structure: Array | None = None
) -> np.ndarray[Any, np.dtype[np.bool_]]: ...
@overload
def distance_transform_edt(
    input: Array,
    sampling: float | Sequence[float] | None = None,
    *,
    return_indices: Literal[True],
    return_distances: Literal[False],
) -> Array: ...
@overload
def distance_transform_edt(
    input: Array, sampling: float | Sequence[float] | None = None
) -> Array: ...
def gaussian_filter(
    input: Array, sigma: float | Sequence[float], *, mode: str = 'reflect', truncate: float = 4.0
) -> Array: ...
def label(input: Array, structure: Array | None = None) -> tuple[Array, int]: ...
def map_coordinates(input: Array, coordinates: Array, *, order: int = 3) -> Array: ...
def maximum_filter(input: Array, size: int | Sequence[int]) -> Array: ...
def uniform_filter1d(
    input: Array, size: int, axis: int = -1, *, mode: str = 'reflect'
) -> Array: ...
def zoom(
    input: Array,
    zoom: float | Sequence[float],
    *,
    order: int = 3,
    mode: str = 'constant',
    grid_mode: bool = False,
) -> Array: ...
