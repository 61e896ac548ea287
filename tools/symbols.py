"""What every public symbol owes its reader.

`python tools/symbols.py [MODULES]` prints a line for all that falls short.

Nothing is imported: the modules are read as text, and so are the notebooks, whose cells with checks
must name each symbol.
"""

import argparse
import ast
import io
import json
import re
import sys
import tokenize
from collections import Counter
from functools import cached_property, lru_cache
from typing import NamedTuple

from notebooks import FLAGS, ROOT, every_notebook

PACKAGE = ROOT / 'stylecfm'
TENSOR = re.compile(r'\b(Tensor|ndarray)\b')
# tensors, where no annotation says otherwise
VOCABULARY = {'x', 'x0', 'x1', 'xt', 'ut', 't', 'style'}
SHAPE = re.compile(
    r'\(\s*[\w.*+/-]+(?:\s*,\s*[\w.*+/-]*)+\s*\)|\(\.\.\.\)|\w`? x '
    r'`?\w|\bshaped?\b|\bscalar\b|\b(?:as|like|with|of) `\w|'
    r'\blikewise\b|\bone number\b',
    re.I,
)  # `(b, c)`, `h` x `w`, as `x`, a scalar
CHECK = re.compile(r'\bassert\b|\b(?:test|assert)_\w+\(|\braises\(|\brefuse\w*\(')
UNSEEN = {*FLAGS, 'export', 'exporti', 'exports'}  # cells whose checks do not count
# checked with their class, since a call names no method
CALLED = ('__init__', '__call__', 'forward')


class Param(NamedTuple):
    "A parameter or a field."

    name: str  # With its stars
    annotation: str  # Source text; '' if there is none
    default: str  # Source text; '' if there is none
    doc: str  # The comment beside it; '' if there is none


class Symbol(NamedTuple):
    "A public name, as its module's text has it."

    module: str  # Without the package's name
    name: str  # Qualified name; of a method Class.method
    kind: str  # function, class, method, property, constant or alias
    doc: str  # First lines of the docstring, or the comment of a constant
    # List of `Param`: parameters of a function, fields of a class, else the parameters of its
    # `__init__`
    params: list
    returns: Param | None  # Result, if it is annotated
    line: int  # First line
    last: int  # Last line
    fields: bool = False  # The parameters are fields
    gives: bool = False  # Something is returned
    bases: str = ''  # Bases of a class, or the target of an alias


def own_nodes(f):
    "Nodes of a function without those of functions in it."
    todo = list(f.body)
    while todo:
        n = todo.pop()
        yield n
        if not isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            todo += ast.iter_child_nodes(n)


class Module:
    "A module as text, with its comments by line."

    def __init__(self, path):
        self.path, self.text = path, path.read_text(encoding='utf-8')
        self.name = '.'.join(path.relative_to(PACKAGE).with_suffix('').parts)
        self.tree, self.lines = ast.parse(self.text), self.text.splitlines()
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        said = [t for t in tokens if t.type == tokenize.COMMENT and not t.string.startswith('# %%')]
        self.comments = {t.start[0]: t.string.lstrip('# ').strip() for t in said}

    @cached_property
    def public(self):
        "The names in `__all__`."
        return next(
            (
                ast.literal_eval(n.value)
                for n in self.tree.body
                if isinstance(n, ast.Assign) and n.targets[0].id == '__all__'
            ),
            [],
        )

    def above(self, line):
        "The comment that fills the lines before this one."
        found = []
        while (line := line - 1) in self.comments and self.lines[line - 1].lstrip().startswith('#'):
            found.insert(0, self.comments[line])
        return ' '.join(found)

    def beside(self, node, others=()):
        """The comment at the end of a node's last line, or else the one above it.

        None that belongs to another node ending on that line.
        """
        mine = not any(
            o.lineno == node.end_lineno and o.col_offset > node.col_offset for o in others
        )
        return (self.comments.get(node.end_lineno) or self.above(node.lineno)) if mine else ''

    def arguments(self, f, skip):
        "The parameters of a function and what it returns; `skip` leaves out the first (self, cls)."
        a, of = f.args, lambda n: ast.unparse(n) if n else ''
        plain = [*a.posonlyargs, *a.args]
        pairs = [
            *zip(
                plain,
                [None] * (len(plain) - len(a.defaults)) + a.defaults,
                [''] * len(plain),
                strict=True,
            )
        ][skip:]
        pairs += [(a.vararg, None, '*')] if a.vararg else []
        pairs += [(n, d, '') for n, d in zip(a.kwonlyargs, a.kw_defaults, strict=True)] + (
            [(a.kwarg, None, '**')] if a.kwarg else []
        )
        ends = [*(n for n, _, _ in pairs), *([f.returns] if f.returns else [])]

        def doc(n, d):
            return self.beside(n if d is None else Whole(n, d), ends)

        params = [Param(stars + n.arg, of(n.annotation), of(d), doc(n, d)) for n, d, stars in pairs]
        if not f.returns:
            return params, None
        return params, Param(
            'return', of(f.returns), '', self.comments.get(f.returns.end_lineno, '')
        )

    def function(self, f, owner=''):
        "A function, a method (`owner` is its class) or a patched method."
        decorators = ' '.join(ast.unparse(d) for d in f.decorator_list)
        patched = re.search(r'\bpatch', decorators)
        if patched:
            owner = (
                re.sub(r'\W', '', ast.unparse(f.args.args[0].annotation or ast.Constant('')))
                or owner
            )
        params, back = self.arguments(f, bool(owner) and 'staticmethod' not in decorators)
        prop = 'property' in decorators or 'as_prop=True' in decorators
        gives = any(
            isinstance(n, ast.Return) and n.value is not None and ast.unparse(n.value) != 'None'
            for n in own_nodes(f)
        )
        kind = 'property' if prop else 'method' if owner else 'function'
        name, doc = f'{owner}.{f.name}' if owner else f.name, ast.get_docstring(f) or ''
        return Symbol(self.name, name, kind, doc, params, back, f.lineno, f.end_lineno, gives=gives)

    def members(self, c):
        "A class and its public methods."
        bases, listed = (
            ', '.join(map(ast.unparse, c.bases)),
            [n for n in c.body if isinstance(n, ast.AnnAssign)],
        )

        def setter(n):
            return any('.setter' in ast.unparse(d) for d in n.decorator_list)

        def shown(n):
            return (not n.name.startswith('_') or n.name == '__call__') and not setter(n)

        methods = [
            self.function(n, c.name) for n in c.body if isinstance(n, ast.FunctionDef) and shown(n)
        ]
        has_fields = 'NamedTuple' in bases or any(
            'dataclass' in ast.unparse(d) for d in c.decorator_list
        )
        # torch calls them, nobody else
        if 'autograd.Function' in bases or bases == 'Function':
            methods = []
        start = next(
            (n for n in c.body if isinstance(n, ast.FunctionDef) and n.name == '__init__'), None
        )

        def field(n):
            return Param(
                n.target.id,
                ast.unparse(n.annotation),
                ast.unparse(n.value) if n.value else '',
                self.beside(n, listed),
            )

        if has_fields:
            params = [field(n) for n in listed if not n.target.id.startswith('_')]
        else:
            params = self.arguments(start, 1)[0] if start else []
        doc = ast.get_docstring(c) or ''
        return [
            Symbol(
                self.name,
                c.name,
                'class',
                doc,
                params,
                None,
                c.lineno,
                c.end_lineno,
                has_fields,
                bases=bases,
            ),
            *methods,
        ]

    def assigned(self, n):
        "A table, a number or another name for something."
        name = n.targets[0].id if isinstance(n, ast.Assign) else n.target.id
        said = next(
            filter(None, (self.comments.get(i) for i in range(n.lineno, n.end_lineno + 1))), ''
        ) or self.above(n.lineno)
        kind = 'constant' if name.isupper() else 'alias'
        return Symbol(
            self.name,
            name,
            kind,
            said,
            [],
            None,
            n.lineno,
            n.end_lineno,
            bases=ast.unparse(n.value),
        )

    @cached_property
    def symbols(self):
        "The public ones, in the order of the text."
        found = []
        for n in self.tree.body:
            patched = isinstance(n, ast.FunctionDef) and any(
                'patch' in ast.unparse(d) for d in n.decorator_list
            )
            if isinstance(n, ast.FunctionDef) and (n.name in self.public or patched):
                found.append(self.function(n))
            elif isinstance(n, ast.ClassDef) and n.name in self.public:
                found += self.members(n)
            elif isinstance(n, (ast.Assign, ast.AnnAssign)):
                target = n.targets[0] if isinstance(n, ast.Assign) else n.target
                if (
                    isinstance(target, ast.Name)
                    and target.id in self.public
                    and target.id != '__all__'
                ):
                    found.append(self.assigned(n))
        return [
            s
            for s in found
            if not s.name.startswith('_') and '._' not in s.name.replace('.__call__', '')
        ]


class Whole(NamedTuple('Whole', [('name', ast.arg), ('default', ast.expr)])):
    "A parameter with its default, from where the one begins to where the other ends."

    lineno = property(lambda s: s.name.lineno)
    col_offset = property(lambda s: s.name.col_offset)
    end_lineno = property(lambda s: s.default.end_lineno)


def modules(names=()):
    "The package's modules; all, or those of these names."
    found = [Module(p) for p in sorted(PACKAGE.rglob('*.py')) if not p.stem.startswith('_')]
    missing = [n for n in names if n not in [m.name for m in found]]
    if missing:
        sys.exit(f'no module {missing[0]}; there are {", ".join(m.name for m in found)}')
    return [m for m in found if not names or m.name in names]


def helpers(cells):
    "Functions of a notebook's own cells that check something."
    found = [re.finditer(r'^def (\w+)\(.*(?:\n[ \t].*)*', c, re.M) for c in cells]
    return {m[1] for each in found for m in each if CHECK.search(m[0])}


def checking_text():
    "All cells that check something in every run of the tests, without comments."
    kept = []
    for path in every_notebook():
        cells = [
            ''.join(c['source'])
            for c in json.loads(path.read_text(encoding='utf-8'))['cells']
            if c['cell_type'] == 'code'
        ]
        cells = [c for c in cells if not set(re.findall(r'^#\|\s*(\w+)', c, re.M)) & UNSEEN]
        check = re.compile(
            '|'.join([CHECK.pattern, *(rf'(?<![\w.]){name}\(' for name in helpers(cells))])
        )
        kept += [re.sub(r'(?<![\'"\w&])#.*', '', c) for c in cells if check.search(c)]
    return '\n'.join(kept)


def is_tensor(p):
    "Does a parameter hold numbers in a shape? What a callable takes does not count."
    said = re.sub(r'Callable\[(?:[^\[\]]|\[[^\[\]]*\])*\]', '', p.annotation)
    return bool(TENSOR.search(said)) or p.name in VOCABULARY and not p.annotation


def words(s):
    "What a symbol's own words lack."
    if s.kind in ('constant', 'alias'):
        if not s.doc:
            yield 'no comment says what it is'
        return
    if not s.doc:
        yield 'no docstring'
    what = 'field' if s.fields else 'parameter'
    for p in s.params:
        if not p.annotation and not p.name.startswith('*'):
            yield f'{what} {p.name} has no annotation'
        if not p.doc:
            yield f'{what} {p.name} has no docment'
        elif is_tensor(p) and not SHAPE.search(p.doc):
            yield f'{what} {p.name} is an array, and its docment states no shape'
    if s.gives and not s.returns and s.kind != 'class':
        yield 'a value is returned, and no annotation says which'
    if s.returns and is_tensor(s.returns) and not SHAPE.search(s.returns.doc):
        yield 'an array is returned, and no docment states its shape'


@lru_cache(2)
def named(text):
    "The names in a text that stand alone, and those behind a dot."
    return set(re.findall(r'(?<![\w.])[A-Za-z_]\w*', text)), set(
        re.findall(r'\.([A-Za-z_]\w*)', text)
    )


def checked(s, text, given):
    "Is a symbol named where something is checked? A class also is where what returns it is named."
    owner, _, method = s.name.rpartition('.')
    if method in CALLED:
        return True  # with its class
    alone, behind = named(text)
    if owner:
        return method in behind
    return s.kind == 'alias' or method in alone or s.kind == 'class' and method in given


def findings(names=()):
    "`(module, symbol, what)` for all that falls short."
    text, every = checking_text(), [s for m in modules() for s in m.symbols]
    given = {
        word
        for s in every
        if s.returns and checked(s, text, ())
        for word in re.findall(r'\w+', s.returns.annotation)
    }
    for s in every:
        if names and s.module not in names:
            continue
        for what in words(s):
            yield s.module, s.name, what
        if not checked(s, text, given):
            yield s.module, s.name, 'no cell that checks anything names it'


def main():
    p = argparse.ArgumentParser(description='Say what public symbols lack.')
    p.add_argument('modules', nargs='*', help='names such as solvers or apps.brain; default: all')
    p.add_argument('--count', action='store_true', help='only the number for each module')
    a = p.parse_args()
    modules(a.modules)
    found = list(findings(a.modules))
    if a.count:
        print('\n'.join(f'{n:4d} {m}' for m, n in Counter(m for m, _, _ in found).most_common()))
    else:
        print('\n'.join(f'{m}.{name}: {what}' for m, name, what in found))
    print(f'{len(found)} findings', file=sys.stderr)
    return len(found) > 0


if __name__ == '__main__':
    sys.exit(main())
