"""Run notebooks one after another and store their outputs, and which code they are of.

python tools/run_notebooks.py [NAMES] [--slow]
"""

import argparse
import subprocess
import sys

from nbdev.clean import nbdev_clean
from notebooks import ROOT, environment, every_notebook, short_name


def main():
    p = argparse.ArgumentParser(description='Run notebooks and store their outputs and pictures.')
    p.add_argument('names', nargs='*', help='beginnings of names; default: all notebooks')
    p.add_argument(
        '--slow', action='store_true', help='run the cells flagged slow, too, with all threads'
    )
    a = p.parse_args()
    # sets always in the same order
    env = environment(a.slow) | dict(PYTHONHASHSEED='0')
    if a.slow:
        env.pop('OMP_NUM_THREADS')
    for path in every_notebook(a.names):
        print(short_name(path), end=' ', flush=True)
        if subprocess.run(
            [
                sys.executable,
                ROOT / 'tools' / 'notebooks.py',
                path,
                '--store',
                *['--slow'][: a.slow],
            ],
            env=env,
        ).returncode:
            sys.exit(f'{short_name(path)} failed')
    nbdev_clean()


if __name__ == '__main__':
    main()
