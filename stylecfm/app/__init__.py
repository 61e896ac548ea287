"""The web page."""


def __getattr__(name):  # names of the module `page`, which was called `stylecfm.app` before
    from importlib import import_module

    if name.startswith('__'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module('.page', __name__), name)
