"""Run one notebook with its flags honoured.

`check.py` and `run_notebooks.py` start it in a process of its own:

python tools/notebooks.py NOTEBOOK [--slow] [--store]

It fails where a cell fails, and where the process is not afterwards what it was before
(`state.py`).
"""

import argparse
import base64
import io
import os
import re
import sys
import sysconfig
import time
from difflib import get_close_matches
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / 'nbs'
FLAGS = {'slow', 'cuda', 'net'}
SLOW_CELL = 'slow cell:'  # how a line begins that tells a time
# and one that tells what was left out, as `stylecfm.files.print_skipped` prints it
SKIPPED = 'skipped: '
# how OpenMP's threads wait: what the user says stays
WAITING = 'OMP_WAIT_POLICY', 'GOMP_SPINCOUNT', 'KMP_BLOCKTIME'


def full_name(path):
    "A notebook's folder and name below nbs, as 06_flow/03_losses."
    inside = path.is_relative_to(NBS)
    return path.relative_to(NBS).with_suffix('').as_posix() if inside else path.stem


def short_name(path):
    "The same without the numbers, as flow/losses: what checks call it."
    return re.sub(r'(^|/)\d+_', r'\1', full_name(path))


def is_meant(path, names):
    "Whether a name is the beginning of a notebook's, with or without numbers and folder."
    if path.suffix != '.ipynb' or not path.is_relative_to(NBS):
        return path.stem.startswith(tuple(names))
    said = full_name(path), short_name(path), path.stem, short_name(path).rpartition('/')[2]
    return any(v.startswith(n) for v in said for n in names)


def every_notebook(names=()):
    "Paths of the notebooks in their order; all, or those that the names mean."
    found = sorted(
        p
        for p in NBS.rglob('*.ipynb')
        if not any(part.startswith(('.', '_')) for part in p.relative_to(NBS).parts)
    )
    missing = [n for n in names if not any(is_meant(p, [n]) for p in found)]
    if missing:
        names = list(map(short_name, found))
        near = get_close_matches(missing[0], names, 3, 0.5)
        hint = f'did you mean {" or ".join(near)}?' if near else f'there are {", ".join(names)}'
        sys.exit(f'no notebook begins with {missing[0]}; {hint}')
    return [p for p in found if not names or is_meant(p, names)]


def environment(slow=False):
    """Environment of a run.

    No windows, and one thread, since two notebooks run at a time; what is not slow says the same
    everywhere, so it sees no GPU. Programs of this environment are found by their names. Bars and
    the order of sets are as `nbdev_test` has them.
    """
    shared = os.path.abspath(os.environ.get('STYLECFM_SHARED') or ROOT.parent / 'shared')
    env = os.environ | dict(
        STYLECFM_SHARED=shared,
        MPLBACKEND='agg',
        OMP_NUM_THREADS=os.environ.get('OMP_NUM_THREADS', '1'),
        IN_TEST='1',
        PATH=os.pathsep.join([sysconfig.get_path('scripts'), os.environ.get('PATH', os.defpath)]),
    )
    if not env.keys() & {*WAITING}:
        env |= dict(OMP_WAIT_POLICY='PASSIVE', GOMP_SPINCOUNT='0')
    return env if slow else env | dict(CUDA_VISIBLE_DEVICES='')


def with_gpu():
    "The flag of cells that need a GPU, where there is one."
    import torch

    return ['cuda'] if torch.cuda.is_available() else []


def flags_of(cell, skip):
    "The flags by which a cell of code is left out."
    from nbdev.process import extract_directives

    d = extract_directives(cell, remove=False) if cell.cell_type == 'code' else {}
    return {*(['eval: false'] if 'false' in d.get('eval:', []) else []), *(skip & d.keys())}


def skipped(nb, slow, skip):
    """Return what was left out, `(cell, reason)` of each.

    By cells that say so, and, where slow cells run, by flags that this machine cannot serve.
    """
    for i, c in enumerate(nb.cells):
        if c.cell_type != 'code':
            continue
        if slow and (flags := flags_of(c, skip) & FLAGS):
            yield i, f'flagged {" ".join(sorted(flags))}'
        for o in c.outputs if not flags_of(c, skip) else ():
            for line in ''.join(o.get('text', [])).splitlines():
                if line.startswith(SKIPPED):
                    yield i, line.removeprefix(SKIPPED)


def shrink(data):
    "Store a PNG picture with a palette of 256 colours where that is smaller."
    if 'image/png' not in data:
        return
    from PIL import Image

    raw, out = base64.b64decode(''.join(data['image/png'])), io.BytesIO()
    Image.open(io.BytesIO(raw)).convert('RGB').quantize(256).save(out, 'PNG', optimize=True)
    if len(out.getvalue()) < len(raw):
        data['image/png'] = base64.b64encode(out.getvalue()).decode()


def run(path, slow=False, store=False):
    "Execute the cells in order, but for those that are flagged; an error goes up with its cell."
    from execnb.nbio import read_nb, write_nb
    from execnb.shell import CaptureShell
    from nbdev.process import extract_directives
    from state import Before

    skip = FLAGS - ({'slow', *with_gpu()} if slow else set())
    begun = []

    def timed(cell):
        begun.append(time.perf_counter())
        left_out = bool(flags_of(cell, skip))
        # a cell that prints nothing any more keeps nothing
        if cell.cell_type == 'code' and not left_out:
            cell.outputs = []
        return left_out

    nb, shell = read_nb(path), CaptureShell(path, mpl_format='png')
    slow_cells = [
        i
        for i, c in enumerate(nb.cells)
        if c.cell_type == 'code' and 'slow' in extract_directives(c, remove=False)
    ]
    before = Before()
    try:
        shell.run_all(nb, exc_stop=True, preproc=timed)
    except Exception as e:
        e.add_note(f'in {short_name(path)}, cell {len(begun) - 1} (counted from 0)')
        raise
    begun.append(time.perf_counter())
    for i in slow_cells if slow else ():
        print(f'{SLOW_CELL} {short_name(path)}, cell {i}: {begun[i + 1] - begun[i]:.1f} s')
    for i, why in skipped(nb, slow, skip):
        print(f'{SKIPPED}{short_name(path)}, cell {i}: {why}')
    if left := [*before.left()]:
        sys.exit(
            (
                f'{short_name(path)} leaves its process changed, and `nbdev_test` runs the next '
                'notebook there:\n     '
            )
            + '\n     '.join(left)
        )
    if store:
        from outputs import digests, note

        # what goes to the terminal beside the results: progress, paths of temporary folders
        for c in nb.cells:
            if c.cell_type == 'code':
                c.outputs = [o for o in c.outputs if o.get('name') != 'stderr']
                for o in c.outputs:
                    shrink(o.get('data', {}))
        write_nb(nb, path)
        note(path, [flags for flags in digests(path) if not skip & {*flags.split()}])


if __name__ == '__main__':
    p = argparse.ArgumentParser(description='Run one notebook with its flags honoured.')
    p.add_argument('notebook', type=Path)
    p.add_argument(
        '--slow',
        action='store_true',
        help='run the cells flagged slow, too; and those flagged cuda, if there is a GPU',
    )
    p.add_argument(
        '--store', action='store_true', help='write outputs and pictures into the notebook'
    )
    a = p.parse_args()
    path, start = a.notebook.resolve(), time.perf_counter()
    os.chdir(path.parent)
    run(path, a.slow, a.store)
    print(f'{time.perf_counter() - start:.1f} s, {sum(os.times()[:4]):.1f} s of the processor')
