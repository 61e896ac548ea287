"""Latents on the disk: the cache that training reads, and those of other programs."""


def __getattr__(name):  # names of the module `cache`, which was called `stylecfm.latents` before
    from importlib import import_module

    if name.startswith('__'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module('.cache', __name__), name)
