"""From images to latents and back."""


def __getattr__(name):  # names of the module `base`, which was called `stylecfm.codecs` before
    from importlib import import_module

    if name.startswith('__'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module('.base', __name__), name)
