# What stylecfm uses of fastcore.basics, with types: fastcore states none, and pyright guesses that
# the decorator which `patch(as_prop=True)` returns may be None.
from collections.abc import Callable
from typing import Any, TypeVar, overload

F = TypeVar('F', bound=Callable[..., Any])

@overload
def patch(f: F) -> F: ...
@overload
def patch(
    *,
    as_prop: bool = False,
    cls_method: bool = False,
    static_method: bool = False,
    set_prop: bool = False,
    nm: str | None = None,
) -> Callable[[F], F]: ...
