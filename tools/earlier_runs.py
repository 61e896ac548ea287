"""Runs that earlier code began: `python tools/earlier_runs.py COMMIT`.

Runs the first cells of nbs/faults/earlier_runs.ipynb with the code of COMMIT, and stores what they
write as nbs/faults/earlier_runs.zip.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / 'nbs' / 'faults' / 'earlier_runs.ipynb'


def source():
    "The notebook's imports and the cells that define and write runs, as a script."
    cells = json.loads(NOTEBOOK.read_text(encoding='utf-8'))['cells']
    code = [''.join(c['source']) for c in cells if c['cell_type'] == 'code']
    last = next(i for i, s in enumerate(code) if 'def write_runs' in s)
    return '\n\n'.join([*code[: last + 1], 'torch.set_num_threads(1)', 'write_runs()'])


def main():
    p = argparse.ArgumentParser(description='Store runs that earlier code began.')
    p.add_argument('commit', help='commit whose code begins them')
    commit = p.parse_args().commit
    with tempfile.TemporaryDirectory() as d:
        tree, out = Path(d, 'tree'), Path(d, 'out')
        out.mkdir()
        packed = subprocess.run(
            ['git', 'archive', commit, 'stylecfm'], cwd=ROOT, capture_output=True, check=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as t:
            t.extractall(tree, filter='data')
        env = os.environ | dict(PYTHONPATH=str(tree), OMP_NUM_THREADS='1')
        subprocess.run([sys.executable, '-c', source()], cwd=out, env=env, check=True)
        with zipfile.ZipFile(
            NOTEBOOK.with_suffix('.zip'), 'w', zipfile.ZIP_DEFLATED, compresslevel=9
        ) as z:
            for f in sorted(v for v in out.rglob('*') if v.is_file()):
                if not f.is_relative_to(out / 'raw'):
                    z.write(f, f.relative_to(out))


if __name__ == '__main__':
    main()
