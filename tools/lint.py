"""The house rules for notebooks, as checks.

Each gives a line for what it finds, with notebook and cell.
"""

import ast
import builtins
import json
import re
import sys

from notebooks import every_notebook, is_meant, short_name
from outputs import stale

LONGEST_FUNCTION, LONGEST_CELL, LARGEST_KB = 45, 120, 154
MACHINE_PATH = re.compile(r'(?<![\w.])/(?:work|home|root|Users|tmp)/\w')
FORBIDDEN = re.compile(
    r'\bpickle\.load|\btorch\.load\((?!.*weights_only=True)|'
    r'\.(?:save|load)_state\(|(?<![\w.])(?:eval|exec)\('
)
IMPORT = ast.Import, ast.ImportFrom


class Notebook:
    "A notebook as the checks see it."

    def __init__(self, path):
        self.path, self.name = path, short_name(path)
        self.cells = json.loads(path.read_text(encoding='utf-8'))['cells']
        self.code = [
            (i, ''.join(c['source'])) for i, c in enumerate(self.cells) if c['cell_type'] == 'code'
        ]
        self.exported = [(i, s) for i, s in self.code if re.search(r'^#\|\s*exporti?\b', s, re.M)]
        found = re.search(r'^#\|\s*default_exp\s+(\S+)', '\n'.join(s for _, s in self.code), re.M)
        self.module = found[1] if found else None

    def outputs(self):
        for i, c in enumerate(self.cells):
            for o in c.get('outputs', []):
                yield i, o


def imports(source):
    "Modules that a cell imports, anywhere in it."
    for node in ast.walk(ast.parse(re.sub(r'^[%!].*$', 'pass', source, flags=re.M))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        if isinstance(node, ast.ImportFrom):
            yield node.module or ''


def opening(nb, _):
    "The module's name first, then a title with a one-line quote."
    first, second = (''.join(c['source']) for c in nb.cells[:2])
    if nb.module and not first.startswith('#| default_exp'):
        yield 'cell 0 must be #| default_exp'
    title = second if nb.module else first
    if not re.match(r'# \S.*\n\n> \S[^\n]*$', title.split('\n\n%%')[0].strip()) and nb.module:
        yield 'the title must be "# ..." and a one-line "> ..."'


def layers(nb, below):
    "A notebook imports only from notebooks before it."
    for i, s in nb.code:
        for m in imports(s):
            if 'torchvision' in m:
                yield f'cell {i} imports torchvision'
            if (
                m.startswith('stylecfm.')
                and (name := m.removeprefix('stylecfm.')) not in below
                and name != nb.module
            ):
                yield f'cell {i} imports {m} from a later notebook'


def numbered(nb, _):
    "No other notebook of its folder has its number, by which they are ordered."
    number = re.match(r'\d+_', nb.path.name)
    found = nb.path.parent.glob(f'{number[0]}*.ipynb') if number else ()
    yield from (f'{p.name} has the same number: rename one' for p in found if p != nb.path)


def body_lines(f):
    "Lines of a function after its signature and its docstring."
    first = f.body[1] if ast.get_docstring(f) and len(f.body) > 1 else f.body[0]
    return f.end_lineno - first.lineno + 1


def size(nb, _):
    "Short functions and cells, small files."
    for i, s in nb.exported:
        code = not all(isinstance(n, IMPORT) for n in ast.parse(s).body)
        if code and (n := sum(1 for line in s.splitlines() if line.strip())) > LONGEST_CELL:
            yield f'cell {i} has {n} lines, more than {LONGEST_CELL}'
        for f in ast.walk(ast.parse(s)):
            if isinstance(f, ast.FunctionDef) and (n := body_lines(f)) > LONGEST_FUNCTION:
                yield f'cell {i}: {f.name} has {n} lines, more than {LONGEST_FUNCTION}'
    if (kb := nb.path.stat().st_size // 1024) > LARGEST_KB:
        yield f'{kb} KB, more than {LARGEST_KB}: store smaller pictures'


def exports(nb, _):
    "Exported cells run in tests, keep imports apart, say what they are, and use nothing dangerous."
    for i, s in nb.exported:
        tree = ast.parse(s)
        kinds = {isinstance(n, IMPORT) for n in tree.body}
        if re.search(r'^#\|\s*eval:\s*false', s, re.M):
            yield f'cell {i} is exported and never run'
        if kinds == {True, False}:
            yield f'cell {i} mixes imports and code'
        if FORBIDDEN.search(s):
            yield f'cell {i} calls {FORBIDDEN.search(s)[0]}'
        if re.search(r'(?<![\w.])print\(|tqdm\.write\(', s):
            yield f'cell {i} prints: `say` does, so that no name controls a terminal'
        for n in tree.body:
            if (
                isinstance(n, (ast.FunctionDef, ast.ClassDef))
                and not n.name.startswith('__')
                and not ast.get_docstring(n)
            ):
                yield f'cell {i}: {n.name} has no docstring'


def apart(nb, _):
    """A cell imports or does something else.

    Building the docs runs every cell with an import in it, at any depth, and without the cells
    before it that have none.
    """
    for i, s in nb.code:
        if (i, s) in nb.exported:
            continue  # these run there anyway
        tree = ast.parse(s)
        found = any(isinstance(n, IMPORT) for n in ast.walk(tree))
        if found and not all(isinstance(n, IMPORT) for n in tree.body):
            yield f'cell {i} mixes imports and code: give its imports a cell of their own before it'


def named_errors(nb, _):
    """`test_fail` names the error that it expects.

    Any other one, as a NameError in the test itself, must not pass.
    """
    anything = ('Exception', 'BaseException')
    for i, s in nb.code:
        for n in ast.walk(ast.parse(re.sub(r'^[%!].*$', 'pass', s, flags=re.M))):
            if isinstance(n, ast.Call) and ast.unparse(n.func).rpartition('.')[2] == 'test_fail':
                given = dict(
                    zip(('f', 'msg', 'contains', 'exc'), map(ast.unparse, n.args), strict=False)
                )
                given |= {k.arg: ast.unparse(k.value) for k in n.keywords if k.arg}
                words = given.get('contains', "''") != "''"
                if not words and given.get('exc', 'Exception') in anything:
                    yield f'cell {i}: test_fail must have contains= or exc=, in {ast.unparse(n)}'


def bound(tree):
    "Names that a cell binds at its top level."
    for n in tree.body:
        if isinstance(n, IMPORT):
            yield from ((a.asname or a.name).partition('.')[0] for a in n.names)
        elif hasattr(n, 'name'):
            yield n.name
        elif isinstance(n, ast.If) and ast.unparse(n.test) == 'TYPE_CHECKING':
            yield from bound(ast.Module(n.orelse, []))  # what follows `if` is never run
        elif isinstance(n, (ast.Assign, ast.AnnAssign)):
            yield from (
                v.id
                for v in ast.walk(n)
                if isinstance(v, ast.Name) and isinstance(v.ctx, ast.Store)
            )


def quoted(tree):
    "Names in annotations that are written as texts."
    for f in ast.walk(tree):
        notes = (
            [f.returns, *(a.annotation for a in ast.walk(f.args) if isinstance(a, ast.arg))]
            if isinstance(f, ast.FunctionDef)
            else [f.annotation]
            if isinstance(f, ast.AnnAssign)
            else []
        )
        for text in (
            n.value
            for note in notes
            if note
            for n in ast.walk(note)
            if isinstance(n, ast.Constant) and isinstance(n.value, str)
        ):
            try:
                yield from (
                    n.id for n in ast.walk(ast.parse(text, mode='eval')) if isinstance(n, ast.Name)
                )
            except SyntaxError:
                pass


def signatures(nb, _):
    """Names in signatures are imported where nbdev needs them.

    It shows a signature by evaluating its annotations, where only exported cells and cells of
    imports have run.
    """
    known = set(dir(builtins))
    for i, s in nb.code:
        tree = ast.parse(s)
        if (i, s) not in nb.exported and not all(isinstance(n, IMPORT) for n in tree.body):
            continue
        known |= set(bound(tree))
        if missing := sorted(set(quoted(tree)) - known) if (i, s) in nb.exported else []:
            yield f'cell {i}: import {", ".join(missing)} before it, in a hidden cell'


def stored(nb, _):
    "Outputs are there, clean, and know no machine."
    for i, c in enumerate(nb.cells):
        if MACHINE_PATH.search(''.join(c['source'])):
            yield f'cell {i} names a path of a machine'
    for i, o in nb.outputs():
        text = json.dumps(
            {k: v for k, v in o.get('data', {}).items() if not k.startswith('image')}
        ) + ''.join(o.get('text', []))
        if o['output_type'] == 'error':
            yield f'cell {i} stores an error'
        if o.get('name') == 'stderr' and 'Warning' in text:
            yield f'cell {i} stores a warning'
        if MACHINE_PATH.search(text):
            yield f'cell {i} stores a path of a machine'
    draws = any(
        re.search(r'plt\.|(?<!\w)grid\(\[', s) for i, s in nb.code if (i, s) not in nb.exported
    )
    if draws and not any('image/png' in o.get('data', {}) for _, o in nb.outputs()):
        yield 'no picture is stored: run make outputs'


def current(nb, _):
    "Stored outputs are of the code as it is (`outputs.py`)."
    if any(True for _ in nb.outputs()):
        yield from stale(nb.path)


CHECKS = (
    opening,
    layers,
    numbered,
    size,
    exports,
    apart,
    named_errors,
    signatures,
    stored,
    current,
)


def lint(paths, names=()):
    "`(notebook, rule, findings)` for every notebook and rule; or for the notebooks that are named."
    below = set()
    for path in paths:
        nb = Notebook(path)
        for check in CHECKS if not names or is_meant(path, names) else ():
            yield nb.name, check.__name__, list(check(nb, below))
        if nb.module:
            below.add(nb.module)


if __name__ == '__main__':
    found = [(n, v) for n, _, vs in lint(every_notebook(), sys.argv[1:]) for v in vs]
    print(*(f'{n}: {v}' for n, v in found), f'{len(found)} findings', sep='\n')
    sys.exit(len(found) > 0)
