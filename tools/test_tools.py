"""What the tools of this folder must find, and must let pass.

python -m unittest discover tools
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path
from unittest import mock

import counts
import first_hour
import install
import lint
import mutants
import outputs
import symbols
import typed
import words
from links import broken

import docs

sys.path.insert(0, str(symbols.ROOT))
from stylecfm import _renamed

GOOD = '''"""A module."""
__all__ = ['LIMIT', 'twice', 'Pair']
# How far it goes
LIMIT = 3

def twice(
    x:Tensor, # `(b, c)`
    times:int=2, # At least 1
) -> Tensor: # As `x`
    "Do it again."
    return times*x

class Pair(NamedTuple):
    "Two of them."
    a:int # The first
    b:Tensor # `(b,)`
'''


class Symbols(unittest.TestCase):
    def lacks(self, text):
        "What the words of a module of this text lack."
        with tempfile.TemporaryDirectory() as d, mock.patch.object(symbols, 'PACKAGE', Path(d)):
            path = Path(d) / 'made.py'
            path.write_text(text, encoding='utf-8')
            return {
                f'{s.name}: {what}'
                for s in symbols.Module(path).symbols
                for what in symbols.words(s)
            }

    def test_good(self):
        self.assertEqual(self.lacks(GOOD), set())
        inner = '\n    def g():\n        return 1\n    g()\n'
        self.assertEqual(self.lacks('__all__ = ["f"]\ndef f():\n    "Do it."' + inner), set())

    def test_each_lack_is_found(self):
        for old, new, told in (
            ('# How far it goes\n', '', 'LIMIT: no comment says what it is'),
            ('    "Do it again."\n', '', 'twice: no docstring'),
            (' # At least 1', '', 'twice: parameter times has no docment'),
            ('times:int=2', 'times=2', 'twice: parameter times has no annotation'),
            (
                ', # `(b, c)`',
                ', # Numbers',
                'twice: parameter x is an array, and its docment states no shape',
            ),
            (
                ') -> Tensor: # As `x`',
                '):',
                'twice: a value is returned, and no annotation says which',
            ),
            (
                ' # As `x`',
                ' # More',
                'twice: an array is returned, and no docment states its shape',
            ),
            (' # The first', '', 'Pair: field a has no docment'),
        ):
            self.assertIn(old, GOOD)
            self.assertEqual(self.lacks(GOOD.replace(old, new)), {told}, told)

    def test_checked(self):
        twice = next(s for s in self.symbols() if s.name == 'twice')
        for text, is_checked in (
            ('test_eq(twice(1), 2)', True),
            ('assert not_twice(1) and x.twice', False),
            ('', False),
        ):
            self.assertEqual(symbols.checked(twice, text, ()), is_checked, text)

    def symbols(self):
        with tempfile.TemporaryDirectory() as d, mock.patch.object(symbols, 'PACKAGE', Path(d)):
            (Path(d) / 'made.py').write_text(GOOD, encoding='utf-8')
            return symbols.Module(Path(d) / 'made.py').symbols


class Docs(unittest.TestCase):
    page = docs.NBS / 'index.ipynb'

    def test_targets(self):
        self.assertEqual(
            docs.target('06_flow/00_paths.ipynb#The field', self.page),
            '06_flow/00_paths.md#the-field',
        )
        self.assertEqual(docs.target('https://example.org/x', self.page), 'https://example.org/x')
        self.assertEqual(docs.target('../CHANGELOG.md', self.page), '/CHANGELOG.md')
        self.assertTrue(docs.target('../Makefile', self.page).endswith('/blob/main/Makefile'))
        with self.assertRaisesRegex(docs.Bad, 'does not exist'):
            docs.target('no_such.ipynb', self.page)

    def test_pictures_need_words(self):
        self.assertEqual(docs.alternative('#| fig-alt: A *loss*\nplot()', 'Before.'), 'A loss')
        self.assertEqual(
            docs.alternative('plot()', 'First. Then the loss:', 'Training'),
            'Training: Then the loss',
        )
        page = docs.Page.__new__(docs.Page)
        page.path, page.names, page.home, page.imported = self.page, docs.Names([]), '', {}
        with self.assertRaisesRegex(docs.Bad, 'without words'):
            page.prose('![](figures/x.png)')

    def test_names(self):
        names = docs.Names(symbols.modules(['flow.solvers']))
        self.assertIn('<stylecfm.flow.solvers.ODESolver>', names.linked('an `ODESolver` solves'))
        self.assertEqual(names.linked('`nothing_of_it` and $x_0$'), '`nothing_of_it` and $x_0$')
        with self.assertRaisesRegex(docs.Bad, 'no symbol'):
            names.linked('`stylecfm.flow.solvers.no_such`')

    def test_broken_links(self):
        with tempfile.TemporaryDirectory() as d:
            (Path(d) / 'a.html').write_text(
                '<html><body><h1 id="top">A</h1><a href="b.html#there">b</a> <a '
                'href="c.html">c</a></body></html>',
                encoding='utf-8',
            )
            (Path(d) / 'b.html').write_text(
                '<html><body><h1 id="here">B</h1><a href="a.html#top">a</a></body></html>',
                encoding='utf-8',
            )
            faults, _, _ = broken(Path(d))
            self.assertEqual(
                (
                    len(faults),
                    sum('there' in f for f in faults),
                    sum('c.html' in f for f in faults),
                ),
                (2, 1, 1),
                faults,
            )

    def test_slim_keeps_the_words(self):
        page = (
            '<code><span class="pre">a</span> <span class="pre">b&lt;c</span></code><pre><span '
            'class="k">def</span></pre>'
        )
        self.assertEqual(
            docs.slim(page), '<code>a b&lt;c</code><pre><span class="k">def</span></pre>'
        )


class Lint(unittest.TestCase):
    def found(self, *cells, below=()):
        "The rules that a notebook of these cells breaks; (source, outputs) is a cell of code."
        made = [
            dict(cell_type='markdown', source=c)
            if isinstance(c, str)
            else dict(cell_type='code', source=c[0], outputs=list(c[1:]))
            for c in cells
        ]
        with tempfile.TemporaryDirectory() as d:
            path = Path(d) / '10_made.ipynb'
            path.write_text(json.dumps(dict(cells=made)), encoding='utf-8')
            store, nb = Path(d) / 'outputs.json', lint.Notebook(path)
            if self.noted:
                rows = {outputs.full_name(path): outputs.digests(path)}
                store.write_text(json.dumps(rows), encoding='utf-8')
            with mock.patch.object(outputs, 'STORE', store):
                rules = {c.__name__: list(c(nb, set(below))) for c in lint.CHECKS}
        return {k: v for k, v in rules.items() if v}

    start = ('#| default_exp made',), '# Made\n\n> In one line.'
    noted = True  # whether the outputs of a notebook are said to be of its code

    def test_good(self):
        self.assertEqual(
            self.found(*self.start, ('#| export\ndef f():\n    "It."\n    return 1',)), {}
        )

    def test_outputs_of_a_run_that_is_not_noted(self):
        printed = ('x = 1', dict(output_type='stream', text=['1']))
        with mock.patch.object(self, 'noted', False):
            self.assertEqual(set(self.found(*self.start, printed)), {'current'})
            self.assertEqual(self.found(*self.start, ('x = 1',)), {})  # nothing is stored
        self.assertEqual(self.found(*self.start, printed), {})

    def test_two_notebooks_of_one_number(self):
        with tempfile.TemporaryDirectory() as d:
            for name in ('10_made', '10_other', '11_more', 'plain'):
                (Path(d) / f'{name}.ipynb').write_text('{"cells": []}', encoding='utf-8')
            found = {p.stem: [*lint.numbered(lint.Notebook(p), set())] for p in Path(d).iterdir()}
        self.assertEqual({k for k, v in found.items() if v}, {'10_made', '10_other'})
        self.assertIn('10_other.ipynb has the same number', found['10_made'][0])

    def long(self, n):
        "A cell with a function whose body has `n` lines."
        return '#| export\ndef f(\n    a,\n    b,\n):\n    "It."\n' + '    a = 1\n' * n

    def test_signature_does_not_count(self):
        self.assertEqual(self.found(*self.start, (self.long(lint.LONGEST_FUNCTION),)), {})

    def test_each_rule(self):
        for cell, rule in (
            (('from stylecfm.later import f',), 'layers'),
            (('#| export\nimport os\nx = 1',), 'exports'),
            (('#| export\ndef f(): return 1',), 'exports'),
            (('#| export\n' + 'x = 1\n' * (lint.LONGEST_CELL + 1),), 'size'),
            ((self.long(lint.LONGEST_FUNCTION + 1),), 'size'),
            (('x = 1', dict(output_type='error', ename='E')), 'stored'),
            (("open('/" + "home/me/x')",), 'stored'),
        ):
            self.assertEqual(set(self.found(*self.start, cell)), {rule}, cell)
        for cell in (
            'import os\nx = 1',
            '#| slow\nx = 1\nimport os',
            'def f():\n    import os',
            'if True: from os import path',
            'import os; x = 1',
        ):
            self.assertEqual(set(self.found(*self.start, (cell,))), {'apart'}, cell)
        for cell in (
            '#| hide\nimport os\nfrom os import path',
            'x = 1',
            '#| export\ndef f():\n    "It."\n    import os',
        ):
            self.assertEqual(self.found(*self.start, (cell,)), {}, cell)
        for call in (
            'f)',
            "f, 'why')",
            "f, contains='')",
            'f, exc=Exception)',
            "f, '', '', Exception)",
            'f, args=[1])',
        ):
            cell = (f'test_fail({call}',)
            self.assertEqual(set(self.found(*self.start, cell)), {'named_errors'}, cell)
        for call in ('f, exc=KeyError)', "f, contains='x')", "f, '', 'x')", 'f, contains=word)'):
            self.assertEqual(self.found(*self.start, (f'fc.test_fail({call}',)), {}, call)
        late = ('#| export\ndef f(x:"Late"):\n    "It."\n    return x',)
        self.assertEqual(
            set(self.found(*self.start, late, ('from elsewhere import Late',))), {'signatures'}
        )
        self.assertEqual(
            self.found(*self.start, ('#| hide\nfrom elsewhere import Late',), late), {}
        )
        checked = (
            '#| exporti\nif TYPE_CHECKING:\n    from elsewhere import Late',
            '\nelse:\n    Late = 1',
        )
        self.assertEqual(set(self.found(*self.start, checked[:1], late)), {'signatures'})
        self.assertEqual(self.found(*self.start, (''.join(checked),), late), {})
        self.assertEqual(set(self.found(('#| default_exp made',), 'No title')), {'opening'})
        self.assertEqual(
            self.found(*self.start, ('from stylecfm.before import f',), below={'before'}), {}
        )


class Words(unittest.TestCase):
    def found(self, name, text):
        "What the check of words says of a file of this text."
        with tempfile.TemporaryDirectory() as d:
            path = Path(d) / name
            path.write_text(text, encoding='utf-8')
            return [what for _, what, _ in words.findings(path)]

    def test_every_phrase_is_found(self):
        for text in (
            'the way back',
            'there and back',
            'Made again',
            'forgotten',
            'what comes along with it',
            'puts aside',
            'a rival',
            'crowds',
            'laws of times',
            'says nothing',
            'is told of a style',
            'this room',
            'guessed',
            'painted anew',
            'at birth',
            'so many',
            'is to be had',
            'in words',
        ):
            self.assertEqual(len(self.found('a.md', f'It is {text}, here.')), 1, text)
        for text in (
            'a backward pass',
            '`the way back`',
            'a wayback machine',
            'unforgotten',
            'it says nothing about it',
            'In words: a sum',
        ):
            self.assertEqual(self.found('a.md', text), [], text)

    def test_docments(self):
        for text, n in (
            ('def f(x, # Of it\n): pass', 1),
            (
                'def f(\n    x:int=(1,\n         2), # What it is\n) -> int: '
                '# As x\n    y = 1 # Of the rest\n    return y',
                2,
            ),
            ('class A:\n    # Its size\n    a:int', 1),
            ('def f(x, # Offset\n): pass', 0),
            ('def f(\n    # Of two\n    # lines\n    x,\n): pass', 1),
            ('def f(\n    # Two lines.\n    # Of it\n    x,\n): pass', 0),
            ('def f(\n    y,\n    # Where it is\n    x=1,\n): pass', 1),
            ('class A:\n    # What it is,\n    # and more\n    a: int = 1', 1),
            ('# Of a constant\nX = 1', 0),
        ):
            self.assertEqual(len(self.found('a.py', text)), n, text)

    def test_where_a_reader_looks(self):
        for text, n in (
            ('"A crowd."', 1),
            ('f"a {1} crowd"', 1),
            ('# a crowd', 1),
            ('crowd = 1', 0),
            ("x['crowd']", 0),
        ):
            self.assertEqual(len(self.found('a.py', text)), n, text)
        cells = [
            dict(cell_type='markdown', source=['A crowd.']),
            dict(cell_type='code', source=['x = 1 # a crowd'], outputs=[]),
        ]
        self.assertEqual(self.found('a.ipynb', json.dumps(dict(cells=cells))), ['crowd', 'crowd'])


class Outputs(unittest.TestCase):
    "What makes stored outputs stale, and what does not."

    def digests(self, *cells):
        made = [dict(cell_type='code', source=c, outputs=[]) for c in cells]
        made.append(dict(cell_type='markdown', source='Words'))
        with tempfile.TemporaryDirectory() as d:
            path = Path(d) / 'made.ipynb'
            path.write_text(json.dumps(dict(cells=made)), encoding='utf-8')
            return outputs.digests(path)

    def test_layout_does_not_count(self):
        for a, b in (
            ('f(1,2)', '# why\nf(\n    1,\n    2,  # and\n)'),
            ('x = "a"', "#| hide\nx = 'a'"),
            ('def f(x, y=1): return x', 'def f(x: int, y: float = 1) -> int:\n    return x'),
            ('def f():\n    x = 1', 'def f():\n    y: str\n    x: int = 1'),
            ('import os\nimport re', 'import re\nimport os\nfrom typing import Any'),
            ('from a import b, c', 'from a import c\nfrom a import b'),
            ('x = f(1)', 'x = cast(int, f(1))'),
            ('def f():\n    "It."\n    return 1', 'def f():\n    "Not it."\n    return 1'),
            ('class A:\n    "It."\n    x: int', 'class A:\n    x: int'),
            ('%time f()', '%time f()  '.rstrip()),
        ):
            self.assertEqual(self.digests(a), self.digests(b), a)
        self.assertEqual(self.digests('x = 1'), self.digests('# nothing', 'x = 1'))

    def test_code_does(self):
        for a, b in (
            ('x = 1', 'x = 2'),
            ('x = 1', 'x = 1.0'),
            ('x = True', 'x = 1'),
            ('f(a, b)', 'f(b, a)'),
            ('from a import b', 'from c import b'),
            ('class A:\n    x: int = 1', 'class A:\n    x: float = 1'),
            ('class A:\n    x: int', 'class A:\n    y: int'),
            ('@command\ndef f(): "It."', '@command\ndef f(): "Not it."'),
            ('def f(): return "It."', 'def f(): return "Not it."'),
            ('%time f()', '%time g()'),
            ('x = a + b', 'x = a - b'),
            ('x = f"{a}"', 'x = f"{a:.2f}"'),
        ):
            self.assertNotEqual(self.digests(a), self.digests(b), a)
        self.assertNotEqual(self.digests('a = 1', 'b = 2'), self.digests('b = 2', 'a = 1'))

    def test_flags_are_apart(self):
        was, now = (self.digests('x = 1', f'#| slow\ny = {v}') for v in (1, 2))
        self.assertEqual((set(was), was['']), ({'', 'slow'}, now['']))
        self.assertNotEqual(was['slow'], now['slow'])

    def test_a_run_is_noted(self):
        with tempfile.TemporaryDirectory() as d:
            path, store = Path(d) / 'made.ipynb', Path(d) / 'outputs.json'

            def write(quick, slow):
                cells = [dict(cell_type='code', source=c) for c in (quick, f'#| slow\n{slow}')]
                path.write_text(json.dumps(dict(cells=cells)), encoding='utf-8')

            with (
                mock.patch.object(outputs, 'STORE', store),
                mock.patch.object(outputs, 'every_notebook', lambda: [path]),
            ):
                write('x = 1', 'y = 1')
                self.assertEqual(len(list(outputs.stale(path))), 1)  # no run is noted
                outputs.note(path, ['', 'slow'])
                self.assertEqual(list(outputs.stale(path)), [])
                write('x = 2', 'y = 2')
                self.assertEqual(len(list(outputs.stale(path))), 2)
                outputs.note(path, [''])  # a run without slow cells
                (left,) = outputs.stale(path)
                self.assertIn('slow', left)
                outputs.note(path, ['slow'], by_run=False)
                self.assertEqual(list(outputs.stale(path)), [])
                self.assertEqual(outputs.noted()['made']['noted'], ['slow'])
                outputs.note(path, ['', 'slow'])
                self.assertNotIn('noted', outputs.noted()['made'])


class Mutants(unittest.TestCase):
    "Faults of every kind are planted where they compute, and nowhere else."

    def found(self, text):
        return {
            (f.kind, f.was.strip(), f.now.strip())
            for f in mutants.faults_of('made', 0, text)
            if mutants.plantable(f, text)
        }

    def test_each_kind(self):
        text = """
def gradient(x: Tensor, n: int = 3):
    "The 5th of it, -x."
    if n < 2 and x > 0:
        raise InputError(f'n must be {2 + 2} or more')
    y = torch.sum(x.double(), dim=0) * min(n, 2) if n else -x
    return y
"""
        found = self.found(text)
        self.assertEqual({kind for kind, *_ in found}, set(mutants.KINDS))
        for row in (
            ('comparison', '<', '<='),
            ('arithmetic', '*', '/'),
            ('constant', '3', '4'),
            ('condition', 'n < 2 and x > 0', 'False'),
            ('condition', 'and x > 0', ''),
            ('argument', 'torch.sum(x.double(), dim=0)', 'torch.sum(x.double())'),
            ('extreme', 'min', 'max'),
            ('sign', '-x', 'x'),
            ('sign', 'y', '-(y)'),
            ('dtype', 'double', 'float'),
        ):
            self.assertIn(row, found)
        self.assertFalse([v for v in found if v[1] in ('+', '5')])  # of a message, of a docstring

    def test_keys_hold(self):
        before = {f.line: f.key for f in mutants.faults_of('made', 0, 'x = a + b\ny = a - b')}
        after = {f.line: f.key for f in mutants.faults_of('made', 3, 'z = 1\n\ny = a - b')}
        self.assertEqual(before['y = a - b'], after['y = a - b'])

    def test_seeds(self):
        "Another seed names the same faults otherwise, and so draws others."
        first, again, other = (
            {f.text: f.key for f in mutants.faults_of('made', 0, 'x = a + b * c - 3', seed)}
            for seed in (7, 7, 11)
        )
        self.assertEqual(first, again)
        self.assertEqual(first.keys(), other.keys())
        self.assertFalse({*first.values()} & {*other.values()})

    def test_digest(self):
        "The code of a notebook counts, its text and its outputs do not."
        cell = dict(cell_type='code', source=['x = 1'], outputs=[])
        found = []
        with tempfile.TemporaryDirectory() as d:
            path = Path(d) / 'made.ipynb'
            with mock.patch.object(mutants, 'notebook_of', lambda name, root: path):
                for changed, text in (({}, 'a'), ({}, 'b'), (dict(outputs=[{}]), 'a')):
                    cells = [dict(cell_type='markdown', source=[text]), cell | changed]
                    path.write_text(json.dumps(dict(cells=cells)), encoding='utf-8')
                    found.append(mutants.digest(['made']))
                path.write_text(json.dumps(dict(cells=[cell | dict(source=['x = 2'])])))
                other = mutants.digest(['made'])
        self.assertEqual(len({*found}), 1)
        self.assertNotEqual(other, found[0])

    @unittest.skipUnless(sys.platform == 'linux', 'other systems count less')
    def test_memory(self):
        "A run with a fault gets the memory that it may have, and no more."
        for size, ends in ((1 << 20, b''), (mutants.MEMORY + (1 << 30), b'MemoryError')):
            command = [sys.executable, '-c', f'{mutants.bounded()} bytearray({size})']
            r = subprocess.run(command, capture_output=True)
            self.assertEqual((bool(r.returncode), r.stderr.strip()[-11:]), (bool(ends), ends))


class Types(unittest.TestCase):
    def test_findings_may_only_fall(self):
        found = [('a.py', 'a.py:1: x'), ('a.py', 'a.py:2: y')]
        for known, n in (({'a.py': 2}, 0), ({'a.py': 1}, 3), ({}, 3), ({'a.py': 3}, 1)):
            self.assertEqual(len(list(typed.compared(found, known))), n, known)
        self.assertEqual(len(list(typed.compared([], {'b.py': 1}))), 1)


class FirstHour(unittest.TestCase):
    "What a new user types: few commands, which README and docs name, and the paths shown."

    def test_a_folder_of_the_same_name(self):
        "Beside the clone, and above it, `import stylecfm` gives the package."
        with tempfile.TemporaryDirectory() as d:
            command = [sys.executable, 'setup.py', '-q', 'editable_wheel', '--dist-dir', d]
            subprocess.run(command, cwd=symbols.ROOT, check=True, capture_output=True)
            (wheel,) = Path(d).glob('*.whl')
            site = Path(d) / 'site'
            shutil.unpack_archive(wheel, site, 'zip')
            above = Path(d) / 'above'
            (above / 'stylecfm').mkdir(parents=True)
            text = (
                f'import site, sys; sys.path.insert(0, ""); site.addsitedir({str(site)!r}); '
                'import stylecfm; print(stylecfm.__file__)'
            )
            env = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
            command = [sys.executable, '-I', '-S', '-c', text]
            r = subprocess.run(
                command, cwd=above, env=env, check=True, capture_output=True, text=True
            )
        self.assertEqual(r.stdout.strip(), str(symbols.ROOT / 'stylecfm' / '__init__.py'))

    def test_documents(self):
        found = first_hour.ways()
        for way, lines in found.items():
            self.assertLessEqual(len(lines), first_hour.MOST[way], way)
            self.assertTrue(lines[0].startswith('git clone '), way)
            self.assertFalse([v for v in lines if '&&' in v or ';' in v], way)
        self.assertIn('tools/install.py', found['painting'][1])
        self.assertIn('--checkpoint runs/mine', found['own_model'][-1])

    def test_first_result(self):
        def step(cpu, first=None, last=''):
            return dict(cpu_seconds=cpu, first=first, last_line=last)

        made = first_hour.first_result([step(2.0), step(5.0, (1.5, 'a.png')), step(9.0)])
        self.assertEqual(made, dict(what='a.png', commands=2, cpu_seconds=3.5))
        none = first_hour.first_result([step(2.0), step(5.0, last='3 passed')])
        self.assertEqual(none, dict(what='3 passed', commands=2, cpu_seconds=7.0))

    def test_next_line(self):
        with tempfile.TemporaryDirectory() as d:
            home = Path(d).resolve()
            root, away = home / 'stylecfm', home / 'two words'
            away.mkdir()
            for here, wanted in (
                (root, '.venv/bin/stylecfm x'),
                (home, 'stylecfm/.venv/bin/stylecfm x'),
                (away, f'{root}/.venv/bin/stylecfm x'),
            ):
                with (
                    mock.patch.object(install, 'BIN', root / '.venv/bin'),
                    mock.patch.object(install.Path, 'cwd', return_value=here),
                ):
                    self.assertEqual(install.to_type('stylecfm', 'x', 'app'), wanted)
            with (
                mock.patch.object(install, 'BIN', away / 'stylecfm/bin'),
                mock.patch.object(install.Path, 'cwd', return_value=home),
            ):
                line = install.to_type('stylecfm', 'x', 'app')
            self.assertEqual(line, '"two words/stylecfm/bin/stylecfm" x')

    def test_progress_of_an_installation(self):
        for lines, said in (
            (
                [
                    'Collecting torch==2.13.0 (from -c constraints.txt (line 5))',
                    '  Downloading torch-2.13.0-cp311-cp311-linux_x86_64.whl.metadata (31 kB)',
                    'Requirement already satisfied: Jinja2<4 in ./.venv (from torch)',
                    'Requirement already satisfied: jinja2 in ./.venv (from gradio)',
                ],
                '2 of about 9 packages found',
            ),
            (
                ['Collecting a', '  Downloading typing_extensions-4.1-py3-none-any.whl (44 kB)'],
                '1 of about 9 packages found; downloading typing_extensions, 44 kB',
            ),
            (
                ['Resolved 12 packages in 1s', 'Downloading torch (180.1MiB)'],  # uv
                '12 of about 12 packages found; downloading torch, 180.1MiB',
            ),
            (
                ['Collecting a', 'Installing collected packages: a, b, c'],
                'unpacking 3 packages; .venv has 0.0 GB',
            ),
        ):
            with (
                tempfile.TemporaryDirectory() as d,
                mock.patch.object(install, 'VENV', Path(d) / '.venv'),
                mock.patch.object(install.time, 'monotonic', return_value=47.0),
            ):
                progress = install.Progress(7.0, 9)
                for line in lines:
                    progress.read(line)
                self.assertEqual(progress.line(), f'  40 s: {said}')
        # a silent installer: a line at each tick, of 15 s where a line cannot be overwritten
        progress.ended = mock.Mock(wait=mock.Mock(side_effect=[False, False, True]))
        progress.live = False
        with mock.patch('builtins.print') as printed:
            progress.run()
        self.assertEqual(printed.call_count, 2)
        self.assertLessEqual(progress.ended.wait.call_args.args[0], 20)


class Help(unittest.TestCase):
    "What `help()` shows of public names; the import alone must not pay for it."

    def test_parameters(self):
        code = """import sys, pydoc
import stylecfm
assert not {'stylecfm._help', 'torch', 'fastcore'} & {*sys.modules}
for _ in range(2):
    found = pydoc.plain(pydoc.render_doc(stylecfm.load_config)), stylecfm.Config.following.__doc__
print(*found, sep='---')
"""
        ran = subprocess.run(
            [sys.executable, '-c', code],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        self.assertEqual((ran.returncode, ran.stderr), (0, ''))
        load, following = ran.stdout.split('---')
        self.assertEqual(load.count('Parameters:'), 1)
        self.assertRegex(load, r'path: \w')
        self.assertEqual(following.count('Parameters:'), 1)


class Names(unittest.TestCase):
    modules = symbols.modules()
    public = {m.name: m.public for m in modules}
    earlier = 'row'

    def test_counts_see_what_they_must(self):
        made = dict(a=['Way', 'plan'], b=['way', 'plan'], c=['other'])
        self.assertEqual(counts.homonyms(made), {'plan': ['a', 'b']})
        self.assertEqual(counts.case_pairs(made), [['Way', 'way']])
        trees = dict(
            a=ast.parse('x = 1'),
            b=ast.parse('from .a import x'),
            **{'apps.c': ast.parse('def f():\n    from ..b import x\n    from .d import y')},
            **{'apps.d': ast.parse('')},
        )
        self.assertEqual(counts.arrows(trees), {('b', 'a'), ('apps.c', 'b'), ('apps.c', 'apps.d')})

    def test_one_name_one_meaning(self):
        self.assertEqual((counts.homonyms(self.public), counts.case_pairs(self.public)), ({}, []))
        self.assertLessEqual(sum(map(len, self.public.values())), counts.MOST_NAMES)

    def test_earlier_names_lead_somewhere(self):
        found = {
            m.name: {n.id for n in ast.walk(m.tree) if isinstance(n, ast.Name)}
            | {getattr(n, 'name', '') for n in m.tree.body}
            | {
                a.asname or a.name
                for n in m.tree.body
                if isinstance(n, ast.ImportFrom)
                for a in n.names
            }
            for m in self.modules
        }
        for module, names in _renamed.NAMES.items():
            for old, new in names.items():
                where, _, name = new.rpartition(':')
                self.assertIn(name, found[where or module], f'{module}.{old}')
                self.assertFalse(
                    any(
                        getattr(n, 'name', '') == old
                        for n in next(m.tree for m in self.modules if m.name == module).body
                    ),
                    f'{module}.{old}',
                )

    def test_an_earlier_name_warns_once(self):
        from stylecfm import config

        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter('always')
            self.assertIs(getattr(config, self.earlier), config.record_of)
        self.assertEqual(
            [(w.category, str(w.message)) for w in told],
            [
                (
                    DeprecationWarning,
                    f'stylecfm.config.{self.earlier} is now stylecfm.config.record_of',
                )
            ],
        )
        with self.assertRaises(AttributeError):
            _ = config.no_such_name

    def test_modules_import_by_their_earlier_names(self):
        import importlib

        from stylecfm._moved import MOVED

        present = {m.name for m in self.modules}
        self.assertLessEqual(set(MOVED.values()), present)
        self.assertFalse(set(MOVED) & present)
        code = 'import sys, warnings\nwarnings.simplefilter("error")\nimport stylecfm.flow.losses'
        subprocess.run([sys.executable, '-c', code], check=True)  # present names do not warn
        with self.assertWarnsRegex(DeprecationWarning, 'stylecfm.otcfm is now stylecfm.flow.los'):
            sys.modules.pop('stylecfm.otcfm', None)
            old = importlib.import_module('stylecfm.otcfm')
        new = importlib.import_module('stylecfm.flow.losses')
        self.assertIs(old, new)
        self.assertEqual(new.__spec__.name, 'stylecfm.flow.losses')
        for package, module in (('codecs', 'base'), ('latents', 'cache'), ('cli', 'commands')):
            home = importlib.import_module(f'stylecfm.{package}.{module}')
            name = home.__all__[0]
            got = getattr(importlib.import_module(f'stylecfm.{package}'), name)
            self.assertIs(got, getattr(home, name))

    def test_glossary_names_what_is_there(self):
        known = {s.name for m in self.modules for s in m.symbols} | {
            f'{s.name}.{p.name}'
            for m in self.modules
            for s in m.symbols
            if s.fields
            for p in s.params
        }
        from stylecfm.config import Config

        known |= {
            f'{section}.{key}' for section, keys in Config().to_dict().items() for key in keys
        }
        rows = [
            line.split(' | ')
            for line in (symbols.ROOT / 'docs' / 'glossary.md')
            .read_text(encoding='utf-8')
            .splitlines()
            if line.startswith('| ') and '---' not in line
        ]
        named = {name for row in rows[1:] for name in re.findall(r'`([^`]+)`', row[3])}
        self.assertEqual(named - known, set())
        self.assertGreaterEqual(len(rows) - 1, 40)


if __name__ == '__main__':
    unittest.main()
