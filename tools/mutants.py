"""Do the checks notice a fault? `python tools/mutants.py [--count 64] [--modules flow/ ...]`

Plants one fault at a time in an exported cell of a notebook of data, codecs, models, flow or
training, in a copy of the repository below build/mutants, exports its module there, and runs the
notebook. Where the notebook notices nothing, the notebooks that import the module are run. What
came of it goes to nbs/results/mutants.json after each fault, so that an interrupted call resumes
where it was. A fault is tried once more when the code of a notebook that was run has changed, or
by `--again KEY`.

A run with a fault has bounds (`MEMORY`, `SECONDS`, `IDLE`). Beyond that of memory, allocation
fails as on a machine that has no more, and what counts is whether the notebook fails.

`--seed 11 --within training/watching training/resuming` draws other faults, of these modules alone,
into build/mutants-11.json: where are tests missing?

A notebook defines what it exports and checks its own definitions: libraries for this (mutmut,
cosmic-ray) change the exported file, which those checks do not see. Faults are drawn by the order
of a digest of what they change, so that a change elsewhere draws no others.

A fault that changes nothing that can be observed is told apart by hand, with a reason:
`python tools/mutants.py --equivalent KEY 'reason'`.
"""

import argparse
import ast
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from typing import NamedTuple

from lint import Notebook, imports
from notebooks import NBS, ROOT, environment, every_notebook, short_name
from runs import Job, run_all

STORE, TREE = NBS / 'results' / 'mutants.json', ROOT / 'build' / 'mutants'
SEED, MOST_OF_A_MODULE = 7, 4
MEMORY = 6 << 30  # bytes of data beyond those of a process that has imported the heavy packages
SECONDS, IDLE = 150, 120  # of the processor; without any work
CHAPTERS = 'data', 'codecs', 'models', 'flow', 'training'
# half a minute and more of the processor each; threads are what they are about in the last
LEFT_OUT = (
    'codecs/base',
    'training/memory',
    'training/memory_plan',
    'training/trainer',
    'training/paired',
    'training/painting',
    'models/threads',
)
IMPORTERS = 2  # notebooks that are run beside a module's own where that notices nothing
COMPARED = {'<': '<=', '<=': '<', '>': '>=', '>=': '>', '==': '!=', '!=': '=='}
ARITHMETIC = {'+': '-', '-': '+', '*': '/', '/': '*'}
SWAPPED = {
    a: b
    for x, y in (
        ('min', 'max'),
        ('amin', 'amax'),
        ('minimum', 'maximum'),
        ('floor', 'ceil'),
        ('argmin', 'argmax'),
        ('clamp_min', 'clamp_max'),
        ('sin', 'cos'),
    )
    for a, b in ((x, y), (y, x))
}
NARROWED = dict(double='float', float='half', float64='float32', float32='float16')
SYMBOLS = {
    ast.Lt: '<',
    ast.LtE: '<=',
    ast.Gt: '>',
    ast.GtE: '>=',
    ast.Eq: '==',
    ast.NotEq: '!=',
    ast.Add: '+',
    ast.Sub: '-',
    ast.Mult: '*',
    ast.Div: '/',
}
SLOPES = re.compile(r'backward|grad|velocity|vjp|jvp|score|derivative|slope')
KINDS = 'comparison', 'arithmetic', 'constant', 'condition', 'argument', 'extreme', 'sign', 'dtype'


class Fault(NamedTuple):
    "A change of a cell."

    module: str
    kind: str
    cell: int
    where: str  # function or class
    line: str  # as it was
    was: str
    now: str
    text: str  # of the whole cell, with the fault
    key: str = ''


class Source:
    "Text of a cell with the places of its nodes."

    def __init__(self, text):
        self.text, self.tree = text, ast.parse(text)
        lines = text.encode().splitlines(keepends=True)
        self.starts = [0, *(sum(map(len, lines[: i + 1])) for i in range(len(lines)))]

    def span(self, node):
        "Bytes at which a node begins and ends."
        return (
            self.starts[node.lineno - 1] + node.col_offset,
            self.starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def cut(self, a, b):
        return self.text.encode()[a:b].decode()

    def put(self, a, b, new):
        data = self.text.encode()
        return (data[:a] + new.encode() + data[b:]).decode()


def left_alone(node, parent):
    "Whether what is below a node is no computation: messages, annotations, decorators, texts."
    called = getattr(getattr(node, 'func', None), 'id', '')
    return (
        isinstance(node, (ast.Raise, ast.JoinedStr, ast.Assert, ast.Import, ast.ImportFrom))
        or called in ('say', 'InputError', 'warn')
        or node in getattr(parent, 'decorator_list', ())
        or node is getattr(parent, 'annotation', None)
        or node is getattr(parent, 'returns', None)
    )


def walk(node, where=''):
    "Nodes that compute, each with the names of the functions and classes that it is in."
    for child in ast.iter_child_nodes(node):
        if left_alone(child, node):
            continue
        named = isinstance(child, (ast.FunctionDef, ast.ClassDef))
        inside = f'{where}.{child.name}'.strip('.') if named else where
        yield child, inside
        yield from walk(child, inside)


def between(source, left, right, table, op):
    "The sign between two nodes, changed to its partner in a table."
    symbol = SYMBOLS.get(type(op))
    if symbol not in table:
        return
    a, b = source.span(left)[1], source.span(right)[0]
    gap = source.cut(a, b)
    yield a, b, gap.replace(symbol, table[symbol], 1)


def conditions(source, node):
    "Conditions dropped."
    if isinstance(node, ast.BoolOp):
        for first, second in zip(node.values, node.values[1:], strict=False):
            yield source.span(first)[1], source.span(second)[1], ''
    if isinstance(node, ast.If) and not node.orelse:
        yield *source.span(node.test), 'False'
    if isinstance(node, ast.IfExp):
        yield *source.span(node), f'({source.cut(*source.span(node.body))})'


def signs(source, node, where):
    "Signs dropped or turned."
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        if not isinstance(node.operand, ast.Constant):
            yield *source.span(node), source.cut(*source.span(node.operand))
    if isinstance(node, ast.Return) and SLOPES.search(where.rpartition('.')[2]):
        values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        for v in values:
            if isinstance(v, (ast.BinOp, ast.Call, ast.Name)):
                yield *source.span(v), f'-({source.cut(*source.span(v))})'
    if isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Add, ast.Sub)):
        a, b = source.span(node.target)[1], source.span(node.value)[0]
        turned = source.cut(a, b).translate(str.maketrans('+-', '-+'))
        yield a, b, turned


def dtypes(source, node):
    "Precision lost."
    if isinstance(node, ast.Attribute) and node.attr in NARROWED:
        yield source.span(node)[1] - len(node.attr), source.span(node)[1], NARROWED[node.attr]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == 'to' and node.args and 'dtype' in ast.unparse(node.args[0]):
            yield *source.span(node), source.cut(*source.span(node.func.value))
    if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'at_least_fp32':
        yield *source.span(node), source.cut(*source.span(node.args[0]))


def changes(source, node, where):
    "`(kind, first byte, last byte, new text)` of all faults at a node."
    found = dict.fromkeys(KINDS, ())
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        found['comparison'] = between(source, node.left, node.comparators[0], COMPARED, node.ops[0])
    if isinstance(node, ast.BinOp):
        found['arithmetic'] = between(source, node.left, node.right, ARITHMETIC, node.op)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        found['constant'] = [(*source.span(node), f'{node.value + 1!r}')]
    # a dict() is data, and no call that has a value of its own for what is left out
    if isinstance(node, ast.Call) and getattr(node.func, 'id', '') != 'dict':
        found['argument'] = [
            (*source.span(node), ast.unparse(ast.Call(node.func, node.args, kept)))
            for i, k in enumerate(node.keywords)
            if k.arg and (kept := node.keywords[:i] + node.keywords[i + 1 :]) is not None
        ]
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, 'id', None)
    if name in SWAPPED:
        found['extreme'] = [(source.span(node)[1] - len(name), source.span(node)[1], SWAPPED[name])]
    found['condition'] = conditions(source, node)
    found['sign'] = signs(source, node, where)
    found['dtype'] = dtypes(source, node)
    for kind, rows in found.items():
        yield from ((kind, *row) for row in rows)


def faults_of(module, cell, text, seed=SEED):
    "Every fault that can be planted in a cell."
    source, seen = Source(text), {}
    for node, where in walk(source.tree):
        for kind, a, b, new in changes(source, node, where):
            line = text.encode()[:a].decode().count('\n')
            said = text.splitlines()[line].strip()
            what = (module, kind, where, said, source.cut(a, b), new)
            seen[what] = seen.get(what, 0) + 1
            key = hashlib.sha256(f'{seed} {what} {seen[what]}'.encode()).hexdigest()[:10]
            changed = source.put(a, b, new)
            yield Fault(module, kind, cell, where, said, what[4], new, changed, key)


def plantable(fault, sound):
    "Whether a fault is Python, and other Python than was there."
    try:
        return ast.dump(ast.parse(fault.text)) != ast.dump(ast.parse(sound))
    except SyntaxError:
        return False


def drawn(count, seed=SEED, within=()):
    """Faults in the order of their keys: as many of each kind, and a few of each module.

    `within` has the names of modules; none stands for all but those that take long.
    """
    found, cells = {k: [] for k in KINDS}, {}
    for path in every_notebook():
        name, nb = short_name(path), Notebook(path)
        usual = name.partition('/')[0] in CHAPTERS and name not in LEFT_OUT
        meant = name in within if within else usual
        if not nb.module or not meant:
            continue
        for cell, text in nb.exported:
            cells[name, cell] = text
            for f in faults_of(name, cell, text, seed):
                found[f.kind].append(f)
    waiting = {k: sorted(v, key=lambda f: f.key) for k, v in found.items()}
    chosen, of_module, places = [], {}, set()
    while len(chosen) < count and any(waiting.values()):
        for kind in KINDS:
            while waiting[kind]:
                f = waiting[kind].pop(0)
                place = f.module, f.cell, f.line
                if of_module.get(f.module, 0) == MOST_OF_A_MODULE or place in places:
                    continue
                if plantable(f, cells[f.module, f.cell]):
                    of_module[f.module] = of_module.get(f.module, 0) + 1
                    places.add(place)
                    chosen.append(f)
                    break
    return sorted(chosen[:count], key=lambda f: (f.module, f.key))


def notebook_of(module, root):
    [path] = [p for p in every_notebook() if short_name(p) == module]
    return root / path.relative_to(ROOT)


def importers(module):
    "Quick notebooks that import a module, those of its chapter first, then the smallest."
    said, found = f'stylecfm.{module.replace("/", ".")}', []
    for path in every_notebook():
        name = short_name(path)
        if name == module or name in LEFT_OUT or name.partition('/')[0] not in CHAPTERS:
            continue
        if any(said == m for _, s in Notebook(path).code for m in imports(s)):
            near = name.split('/')[0] == module.split('/')[0]
            found.append((not near, path.stat().st_size, name))
    return [name for _, _, name in sorted(found)][:IMPORTERS]


def copy():
    "The files of git as they are now, in a tree of their own."
    shutil.rmtree(TREE, ignore_errors=True)
    listed = subprocess.run(
        ['git', 'ls-files', '-co', '--exclude-standard'],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, TREE / name)


def bounded():
    """Text that bounds the memory of the process that runs it, and of its children.

    Linux counts what is written to and is not shared; other systems count less, or nothing.
    """
    return (
        'import psutil, resource; '
        'held = getattr(psutil.Process().memory_info(), "data", 0); '
        f'most = [min(v for v in (held + {MEMORY}, old) if v >= 0) '
        'for old in resource.getrlimit(resource.RLIMIT_DATA)]; '
        'resource.setrlimit(resource.RLIMIT_DATA, most); '
    )


def run(module, seconds=SECONDS):
    "Run a notebook of the copy: None if it passes, else its last words."
    text = (bounded() if os.name == 'posix' else '') + (
        f'import sys, runpy; sys.path[:0] = [{str(TREE)!r}]; '
        f'sys.argv = ["notebooks.py", {str(notebook_of(module, TREE))!r}]; '
        f'runpy.run_path({str(TREE / "tools" / "notebooks.py")!r}, run_name="__main__")'
    )
    [done] = run_all([Job(module, ['-c', text], seconds, fork=True, idle=IDLE)])
    if not done.code:
        return None
    lines = [v for v in done.out.splitlines() if v.strip()]
    last = next((v for v in reversed(lines) if re.match(r'[\w.]*(Error|Exception)\b', v)), '')
    last = re.sub(r'\x1b\[[\d;]*m', '', last or (lines or ['ended'])[-1])
    return re.sub(r'/tmp/\w+', '/tmp', last.replace(str(TREE), ''))[:160]


@contextlib.contextmanager
def planted(fault):
    "A fault in the notebook and the module of the copy, and then no more."
    path, file = notebook_of(fault.module, TREE), TREE / 'stylecfm' / f'{fault.module}.py'
    kept = {p: p.read_bytes() for p in (path, file)}
    nb = json.loads(kept[path])
    sound = body(''.join(nb['cells'][fault.cell]['source']))
    nb['cells'][fault.cell]['source'] = fault.text.splitlines(keepends=True)
    text = kept[file].decode()
    if text.count(sound) != 1:
        sys.exit(f'{file}: the cell with {fault.line} is not in it once; run make export')
    try:
        path.write_text(json.dumps(nb, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
        file.write_text(text.replace(sound, body(fault.text)), encoding='utf-8')
        forget(file)
        yield
    finally:
        for p, data in kept.items():
            p.write_bytes(data)
        forget(file)


def body(text):
    "A cell as it is exported: without its directives."
    return re.sub(r'^#\|.*\n', '', text, flags=re.M).strip()


def forget(file):
    "Remove the compiled form of a module: its date does not tell two versions of a second apart."
    for p in file.parent.glob(f'__pycache__/{file.stem}.*.pyc'):
        p.unlink()


def rows_of(store):
    "`{key: row}` of a file of results; empty where there is none."
    rows = json.loads(store.read_text(encoding='utf-8'))['rows'] if store.exists() else []
    return {r['key']: r for r in rows}


def summary(rows):
    "Counts of all, and of each kind."

    def counts(part):
        real = [r for r in part if not r.get('equivalent')]
        return dict(
            faults=len(part),
            equivalent=len(part) - len(real),
            killed=sum(bool(r['found_by']) for r in real),
            by_own_notebook=sum(r['found_by'] == r['module'] for r in real),
            survived=sum(not r['found_by'] for r in real),
        )

    kinds = {k: counts([r for r in rows if r['kind'] == k]) for k in KINDS}
    return counts(rows) | dict(modules=len({r['module'] for r in rows}), kinds=kinds)


def keep(rows, store=STORE, seed=SEED):
    from stylecfm.evaluation.metrics import machine

    about = dict(command='make mutants', seed=seed, machine=machine())
    about |= dict(summary=summary(rows), rows=rows)
    store.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(about, indent=1, ensure_ascii=False) + '\n'
    store.write_text(text, encoding='utf-8')


def digest(names, root=ROOT):
    "What tells the code of some notebooks from other code: of their modules, and of their checks."
    code = [Notebook(notebook_of(n, root)).code for n in names]
    return hashlib.sha256(repr([[s for _, s in cells] for cells in code]).encode()).hexdigest()[:12]


def short(text):
    text = ' '.join(text.split())
    return text if len(text) < 90 else f'{text[:87]}...'


def tried(fault, sound):
    "What notices a fault, and how; `sound` keeps which notebooks pass without one."
    asked, found, words = [], None, None
    for name in (fault.module, *importers(fault.module)):
        if name not in sound:
            sound[name] = run(name) is None
        if not sound[name]:
            continue
        asked.append(name)
        with planted(fault):
            words = run(name)
        if words:
            found = name
            break
    return dict(
        key=fault.key,
        module=fault.module,
        kind=fault.kind,
        where=fault.where,
        line=fault.line,
        was=short(fault.was),
        now=short(fault.now),
        asked=asked,
        found_by=found,
        words=words,
        code=digest(asked, TREE),
    )


def tried_all(faults, store, seed, again):
    "Try the faults that have to be, and store each row as it comes."
    known, sound, meant = rows_of(store), {}, {f.key for f in faults}
    for i, f in enumerate(faults):
        old = known.get(f.key, {})
        if old.get('code') == digest(old.get('asked', ())) and f.key not in again:
            continue
        known[f.key] = row = tried(f, sound)
        if old.get('equivalent') and not row['found_by']:
            row['equivalent'] = old['equivalent']
        keep([v for k, v in known.items() if k in meant], store, seed)
        print(
            f'{i + 1}/{len(faults)} {f.key} {f.kind} {f.module}: {f.line}\n'
            f'    {f.was} -> {f.now}\n    {row["found_by"] or "SURVIVED"}: {row["words"]}',
            flush=True,
        )
    return [known[f.key] for f in faults]


def options():
    p = argparse.ArgumentParser(description='Plant faults, and see whether the checks find them.')
    p.add_argument('--count', type=int, default=64, help='faults to draw')
    p.add_argument('--seed', type=int, default=SEED, help=f'another than {SEED}: a draw apart')
    p.add_argument('--within', nargs='*', default=(), help='modules to draw from; with a seed')
    p.add_argument(
        '--modules',
        nargs='*',
        default=('',),
        help='those of the drawn in modules that begin so, as flow/',
    )
    p.add_argument('--list', action='store_true', help='print the faults and plant none')
    p.add_argument('--again', nargs='*', default=(), help='keys of faults to try once more')
    p.add_argument('--equivalent', nargs=2, metavar=('KEY', 'REASON'))
    a = p.parse_args()
    if a.within and a.seed == SEED:
        p.error('--within needs a --seed of its own, since what is stored is drawn from all')
    return a


def main():
    a = options()
    store = STORE if a.seed == SEED else ROOT / 'build' / f'mutants-{a.seed}.json'
    known = rows_of(store)
    if a.equivalent:
        known[a.equivalent[0]]['equivalent'] = a.equivalent[1]
        return keep([*known.values()], store, a.seed)
    faults = drawn(a.count, a.seed, a.within)
    mine = [f for f in faults if f.module.startswith(tuple(a.modules))]
    if a.list:
        for f in mine:
            print(f'{f.key} {f.kind:10} {f.module}: {f.line[:70]} | {f.was} -> {f.now[:60]}')
        return
    copy()
    os.environ.update(environment() | dict(PYTHONPATH=str(TREE)))
    tried_all(mine, store, a.seed, a.again)
    known = rows_of(store)
    rows = [known[f.key] for f in faults if f.key in known]
    keep(rows, store, a.seed)
    s = summary(rows)
    share = s['killed'] / max(1, s['faults'] - s['equivalent'])
    print(f'{s["faults"]} faults, {s["equivalent"]} equivalent, {share:.0%} of the others found')
    sys.exit(share < 0.9 or s['faults'] < min(60, a.count))


if __name__ == '__main__':
    main()
