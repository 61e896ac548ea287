"""Docstrings that end with the parameters: `help()` and a notebook's `?` leave out the comments beside them."""

from contextlib import suppress
from inspect import cleandoc, isclass, isfunction

# No notebook is the source of this file.
_DONE = set()  # what has its parameters already


def _parameters(f):
    "Lines for the parameters and the result of a function or class that have a comment."
    from fastcore.docments import docments

    found = docments(f, full=True)
    said = {k: ' '.join(v.docment.split()) for k, v in found.items() if v.docment}
    result = said.pop('return', None)
    if said:
        yield 'Parameters:'
    for k, text in said.items():
        default = getattr(found[k], 'default', None)
        plain = isinstance(default, (bool, int, float, str)) and default != ''
        yield f'    {k}: {text}' + (f' (default: {default!r})' if plain else '')
    if result:
        yield f'Returns: {result}'


def _complete(f):
    "Put the parameters of a function at the end of its docstring."
    if f in _DONE or not f.__doc__:
        return
    _DONE.add(f)
    with suppress(OSError, TypeError, ValueError):  # there is no source, or it is no function
        if lines := list(_parameters(f)):
            f.__doc__ = '\n'.join([cleandoc(f.__doc__), '', *lines])


def with_parameters(found):
    "Return a public name whose docstring, and those of its methods, list the parameters."
    if isfunction(found):
        _complete(found)
    if not isclass(found) or found in _DONE:
        return found
    for name, v in list(vars(found).items()):
        f = getattr(v, '__func__', v)  # of a class method
        mine = isfunction(f) and f.__module__.startswith('stylecfm.')
        if mine and (not name.startswith('_') or name == '__call__'):
            _complete(f)
    _complete(found)
    return found
