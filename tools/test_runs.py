"""What the tools that run notebooks must find.

A process left changed, a run without end, a check left out, and how OpenMP's threads wait.
"""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import as_nbdev
import check
import runs
import state
from notebooks import ROOT, WAITING

LEFT = {  # what a notebook might do, what is said of it, and how it is undone
    'import torch; torch.set_grad_enabled(False)': (
        'recording of gradients was True, and is False',
        'torch.set_grad_enabled(True)',
    ),
    'import torch; n = torch.get_num_threads(); torch.set_num_threads(n + 1)': (
        'threads of torch',
        'torch.set_num_threads(n)',
    ),
    'import torch; torch.set_default_dtype(torch.float64)': (
        'default dtype',
        'torch.set_default_dtype(torch.float32)',
    ),
    "import torch; torch.set_default_device('meta')": (
        'default device',
        'torch.set_default_device(None)',
    ),
    'import torch; torch.use_deterministic_algorithms(True)': (
        'deterministic algorithms',
        'torch.use_deterministic_algorithms(False)',
    ),
    "import os; os.environ['LEFT_OVER'] = '1'": (
        "os.environ['LEFT_OVER'] was None",
        "del os.environ['LEFT_OVER']",
    ),
    "import os; here = os.getcwd(); os.chdir('/')": ('working folder', 'os.chdir(here)'),
    "import warnings; warnings.simplefilter('ignore')": (
        'warnings: ignore all',
        'warnings.filters.pop(0)',
    ),
    "import matplotlib as m; m.rcParams['font.size'] = 3": (
        "rcParams['font.size']",
        "m.rcParams['font.size'] = 10",
    ),
    'import numpy as np; was = np.seterr(all="raise")': ('errors of numpy', 'np.seterr(**was)'),
    'import signal; was = signal.signal(signal.SIGTERM, signal.SIG_IGN)': (
        'handler of SIGTERM',
        'signal.signal(signal.SIGTERM, was)',
    ),
    'import tqdm; was = vars(tqdm.tqdm)["write"]; tqdm.tqdm.write = print': (
        'tqdm.std.tqdm.write was replaced',
        'tqdm.tqdm.write = was',
    ),
    'import time; was = time.sleep; time.sleep = print': (
        'time.sleep was replaced',
        'time.sleep = was',
    ),
    'import pathlib; was = pathlib.Path.exists; pathlib.Path.exists = print': (
        'pathlib.Path.exists was replaced',
        'pathlib.Path.exists = was',
    ),
    'import tempfile; was = tempfile.tempdir; tempfile.tempdir = "/"': (
        'folder of temporary files',
        'tempfile.tempdir = was',
    ),
    'import made_up; made_up.MOST = 4': ('made_up.MOST was replaced', ''),
    'import made_up; made_up.TABLE["b"] = 2': ('made_up.TABLE was replaced', ''),
    'import made_up; made_up.Thing.size = lambda self: 0': ('made_up.Thing.size was replaced', ''),
    'import made_up; made_up.f = print': ('made_up.f was replaced', ''),
}
CLEAN = (
    'import made_up; x = made_up.Thing().size()',
    'import torch\nwith torch.no_grad(): x = torch.ones(2)',
    'import os\nfrom unittest.mock import patch\nwith patch.dict(os.environ, LEFT_OVER="1"), '
    'patch("time.sleep", print): pass',
)


class Left(unittest.TestCase):
    def left(self, text, undo=''):
        "What is said after a notebook of this text."
        with tempfile.TemporaryDirectory() as d, mock.patch.object(sys, 'path', [d, *sys.path]):
            Path(d, 'made_up.py').write_text(
                'MOST = 3\nTABLE = dict(a=1)\ndef f(): return 1\nclass Thing:\n    def '
                'size(self): return 1\n',
                encoding='utf-8',
            )
            before, names = state.Before('made_up'), {}
            try:
                exec(text, names)
                return [*before.left()]
            finally:
                exec(undo, names)
                sys.modules.pop('made_up', None)

    def test_each_is_found(self):
        for text, (words, undo) in LEFT.items():
            found = self.left(text, undo)
            self.assertTrue(any(words in f for f in found), (text, found))

    def test_nothing_else_is(self):
        for text in CLEAN:
            self.assertEqual(self.left(text), [], text)


class Limits(unittest.TestCase):
    def done(self, text, limit=300.0):
        [r] = runs.run_all([runs.Job('it', ['-c', text], limit)])
        return r.code, r.out

    def test_work_counts(self):
        self.assertEqual(
            self.done('while True: pass', 1), (1, 'not done after 1 s of the processor')
        )

    def test_work_of_children_counts(self):
        code, said = self.done(
            f'import subprocess; subprocess.run([{sys.executable!r}, "-c", "while True: pass"])', 1
        )
        self.assertEqual((code, said), (1, 'not done after 1 s of the processor'))

    def test_waiting_does_not(self):
        self.assertEqual(self.done('import time; time.sleep(3); print("done")', 1), (0, 'done'))

    def test_standing_still(self):
        with mock.patch.object(runs, 'IDLE', 2):
            self.assertEqual(self.done('import time; time.sleep(1000)'), (1, 'did nothing for 2 s'))


class Failing(unittest.TestCase):
    def test_its_cell_is_named(self):
        cells = [
            dict(cell_type='markdown', id='a', metadata={}, source='# Title'),
            *(
                dict(
                    cell_type='code',
                    id=f'b{i}',
                    metadata={},
                    outputs=[],
                    execution_count=None,
                    source=code,
                )
                for i, code in enumerate(('x = 1', 'assert x == 2', 'x = 3'))
            ),
        ]
        with tempfile.TemporaryDirectory() as d:
            path = Path(d) / '02_name.ipynb'
            path.write_text(
                json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)),
                encoding='utf-8',
            )
            [r] = runs.run_all([runs.Job('it', ['tools/notebooks.py', path])])
        self.assertEqual(r.code, 1)
        self.assertEqual(
            r.out.splitlines()[-2:], ['AssertionError', 'in name, cell 2 (counted from 0)']
        )


class Silent(unittest.TestCase):
    "A run that ends badly has failed, whether it printed anything or not."

    def told(self, text, **how):
        tally = check.Tally()
        with contextlib.redirect_stdout(io.StringIO()) as out:
            check.run(tally, [runs.Job('it runs', ['-c', text], **how)])
        return tally.passed, tally.failed, out.getvalue()

    def test_killed_or_ended_without_a_word(self):
        for text, code in (
            ('import os; os.kill(os.getpid(), 9)', -9),
            ('raise SystemExit(1)', 1),
            ('print(); raise SystemExit(3)', 3),
        ):
            for fork in (False, True):
                passed, failed, out = self.told(text, fork=fork)
                self.assertEqual((passed, failed), (0, 1), (text, fork, out))
                self.assertIn(f'ended with exit code {code} and printed nothing', out)

    def test_words_and_success(self):
        self.assertEqual(self.told('print("done")')[:2], (1, 0))
        passed, failed, out = self.told('raise SystemExit("why")')
        self.assertEqual((passed, failed), (0, 1))
        self.assertIn('why', out)


class Counts(unittest.TestCase):
    def test_left_out(self):
        for out, n in (
            ('', 0),
            ('skipped: a\nother\nskipped: b', 2),
            ('an image was skipped: c', 0),
            ('Ran 3 tests\n\nOK (skipped=2)', 2),
            ('Ran 3 tests\n\nOK', 0),
        ):
            self.assertEqual(len(check.left_out(out)), n, out)

    def test_last_line(self):
        done = [
            runs.Done(
                'a runs', 0, 'skipped: a, cell 3: no GPU\n1.0 s, 1.0 s of the processor', 1.0
            ),
            runs.Done('b', 1, 'broken', 1.0),
            runs.Done('c', 0, '', 1.0),
        ]
        tally = check.Tally()
        with (
            mock.patch.object(check, 'run_all', lambda jobs, workers: done),
            mock.patch('builtins.print'),
        ):
            check.run(tally, [])
        self.assertEqual((tally.passed, tally.failed, tally.skipped), (2, 1, 1))


class AsNbdev(unittest.TestCase):
    def test_differences(self):
        a, b = Path('a.ipynb'), Path('b.ipynb')
        ours = {a: ('nbs', ['x = 1'])}
        self.assertEqual([*as_nbdev.differences(ours, dict(ours))], [])
        for theirs in (
            {},
            {a: ('nbs', ['x = 1', 'y = 2'])},
            {a: ('elsewhere', ['x = 1'])},
            ours | {b: ('nbs', [])},
        ):
            self.assertEqual(len([*as_nbdev.differences(ours, theirs)]), 1, theirs)


class Waiting(unittest.TestCase):
    def said(self, text, **env):
        "What a child prints, and its OpenMP when it is loaded."
        env = {k: v for k, v in os.environ.items() if k not in WAITING} | env
        r = subprocess.run(
            [sys.executable, '-c', text], cwd=ROOT, env=env, text=True, capture_output=True
        )
        self.assertEqual(r.returncode, 0, r.stderr)
        return r.stdout.strip(), r.stderr

    def test_set_by_the_package(self):
        show = f'import os, stylecfm; print([os.environ.get(k) for k in {WAITING}])'
        for env, want in (
            ({}, ['PASSIVE', '0', None]),
            (dict(OMP_WAIT_POLICY='ACTIVE'), ['ACTIVE', None, None]),
            (dict(GOMP_SPINCOUNT='7'), [None, '7', None]),
            (dict(KMP_BLOCKTIME='200'), [None, None, '200']),
        ):
            self.assertEqual(self.said(show, **env)[0], str(want))

    def test_before_torch(self):
        """Every module of the package that loads torch has set it by then.

        The library itself says what it read.
        """
        if sys.platform != 'linux':
            self.skipTest('elsewhere another OpenMP is loaded, which says other words')
        for env, want in (({}, 'PASSIVE'), (dict(OMP_WAIT_POLICY='ACTIVE'), 'ACTIVE')):
            self.assertIn(
                f"OMP_WAIT_POLICY = '{want}'",
                self.said('import stylecfm.models.norms', OMP_DISPLAY_ENV='TRUE', **env)[1],
            )


class Quarto(unittest.TestCase):
    def quarto(self, words, folder, path):
        with mock.patch.dict(os.environ, PATH=path):
            r = subprocess.run(
                [sys.executable, ROOT / 'tools' / 'quarto', *words],
                cwd=folder,
                text=True,
                capture_output=True,
            )
        return r.returncode, r.stdout, r.stderr

    def test_readme_needs_none(self):
        with tempfile.TemporaryDirectory() as d:
            for p in ('settings.ini', 'tools/readme.py', 'nbs/index.ipynb', 'README.md'):
                (Path(d) / p).parent.mkdir(exist_ok=True)
                shutil.copy(ROOT / p, Path(d) / p)
            (Path(d) / '_proc').mkdir()
            words = [
                'render',
                f'{d}/_proc/index.ipynb',
                '-o',
                'README.md',
                '-t',
                'gfm',
                '--no-execute',
            ]
            self.assertEqual(self.quarto(words, f'{d}/_proc', ''), (0, '', ''))
            self.assertEqual(
                (Path(d) / '_proc' / '_docs' / 'README.md').read_bytes(),
                (ROOT / 'README.md').read_bytes(),
            )

    def test_a_site_does(self):
        with tempfile.TemporaryDirectory() as d:
            code, out, err = self.quarto(['render', '--no-cache'], ROOT, d)
            self.assertEqual((code, out, err.count('\n')), (1, '', 1))
            self.assertIn('`make docs`', err)
            if os.name != 'posix':
                return
            Path(d, 'quarto').write_text('#!/bin/sh\necho real "$@"\n', encoding='utf-8')
            Path(d, 'quarto').chmod(0o755)
            self.assertEqual(
                self.quarto(['render', '--no-cache'], ROOT, os.pathsep.join([d, '/bin'])),
                (0, 'real render --no-cache\n', ''),
            )


if __name__ == '__main__':
    unittest.main()
