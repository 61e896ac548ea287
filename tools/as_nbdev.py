"""Whether `make test` executes what `nbdev_test` does.

`python tools/as_nbdev.py` compares the cells, and the folders in which they run.

nbdev's own code chooses its files and cells here; only its shell and its pool of processes are
replaced, by ones that note what they are given. So no cell runs twice in order to know that the two
are the same.
"""

import os
import sys
from unittest import mock

from notebooks import FLAGS, every_notebook, flags_of


def of_nbdev():
    "{path: (folder, sources)} of the cells that `nbdev_test` executes."
    import nbdev.test

    found = {}

    class Noting:
        "A shell that executes nothing."

        def __init__(self, path):
            self.path = path

        def run_all(self, nb, exc_stop, preproc):
            found[self.path] = os.getcwd(), [c.source for c in nb.cells if not preproc(c)]

    def one_by_one(f, files, n_workers, pause, **kw):
        return [f(p, **kw) for p in files]

    with (
        mock.patch.object(nbdev.test, 'CaptureShell', Noting),
        mock.patch.object(nbdev.test, 'parallel', one_by_one),
        mock.patch.dict(os.environ),
    ):
        nbdev.test.nbdev_test.__wrapped__()
    return found


def of_ours(paths):
    "The same of `make test`."
    from execnb.nbio import read_nb
    from nbdev.process import extract_directives

    for p in paths:
        cells = [c for c in read_nb(p).cells if c.cell_type == 'code' and not flags_of(c, FLAGS)]
        for c in cells:
            extract_directives(c)  # takes them out of the source, as nbdev does
        yield p, (str(p.parent), [c.source for c in cells])


def differences(ours, theirs):
    "A line for each notebook that is not run alike."
    for p in sorted(ours.keys() | theirs.keys()):
        if p not in ours or p not in theirs:
            yield f'{p.stem} is run by {"nbdev_test" if p in theirs else "make test"} alone'
        elif ours[p] != theirs[p]:
            yield f'{p.stem}: other cells or another folder'


if __name__ == '__main__':
    theirs, ours = of_nbdev(), dict(of_ours(every_notebook()))
    if found := [*differences(ours, theirs)]:
        sys.exit('\n'.join(found))
    print(f'{sum(len(cells) for _, cells in ours.values())} cells in {len(ours)} notebooks')
