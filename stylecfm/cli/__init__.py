"""The commands."""


def __getattr__(name):  # names of the module `commands`, which was called `stylecfm.cli` before
    from importlib import import_module

    if name.startswith('__'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module('.commands', __name__), name)
