"""Are stored outputs those of the code above them?

`tools/notebooks.py --store` notes in tools/outputs.json, for each notebook that it runs, a digest
of the code that made the outputs, and `tools/lint.py` compares it with the code that is there now.
Cells that run everywhere count together; cells flagged slow, cuda or net count apart, by their
flag, since a run without the flag leaves their outputs alone.

What does not compute does not count: layout, comments, docstrings of undecorated functions and
classes, annotations of parameters, results and variables, imports for annotations, hints of nbdev.
`python tools/outputs.py` lists what is stale, and `--note NAMES` notes the digests of now, after a
reading of what the notebook shows; these are listed, too, until a run replaces them.
"""

import argparse
import ast
import hashlib
import json
import re
import sys

from notebooks import FLAGS, ROOT, every_notebook, full_name

STORE = ROOT / 'tools' / 'outputs.json'
FOR_ANNOTATIONS = 'typing', 'collections.abc', '__future__'
DIRECTIVE = re.compile(r'^#\|\s*(\w+)', re.M)


def without_docstring(node):
    "Drop a docstring; that of a decorated function may be printed, as in the help of a command."
    if not node.decorator_list and ast.get_docstring(node) is not None:
        node.body = node.body[1:] or [ast.Pass()]


class Plain(ast.NodeTransformer):
    "Code without what no run depends on."

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_FunctionDef(self, node):
        without_docstring(node)
        self.generic_visit(node)
        node.returns = None
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node):
        without_docstring(node)
        # fields are made of annotations
        fields = {id(n): n.annotation for n in node.body if isinstance(n, ast.AnnAssign)}
        node.body = [
            ast.Expr(
                ast.Tuple([n.target, fields[id(n)], *([n.value] if n.value else [])], ast.Load())
            )
            if id(n) in fields
            else self.visit(n)
            for n in node.body
        ]
        node.body = [n for n in node.body if n] or [ast.Pass()]
        return node

    def visit_AnnAssign(self, node):
        if node.value is None:
            return None
        return self.visit(ast.Assign([node.target], node.value))

    def visit_ImportFrom(self, node):
        return None if node.module in FOR_ANNOTATIONS else node

    def visit_Call(self, node):
        self.generic_visit(node)
        return (
            node.args[1] if getattr(node.func, 'id', '') == 'cast' and len(node.args) == 2 else node
        )


def form(node):
    "A tree as text, the same in every version of Python: `ast.dump` is not."
    if isinstance(node, list):
        return f'[{" ".join(map(form, node))}]'
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = (
        (k, v)
        for k, v in ast.iter_fields(node)
        if k not in ('ctx', 'kind') and v is not None and v != []
    )
    return f'{type(node).__name__}({" ".join(f"{k}={form(v)}" for k, v in fields)})'


def plain(source):
    "A cell's code in one form: imports as a set, all else as a tree."
    source = re.sub(r'^[%!].*$', lambda m: f'_({m[0]!r})', source, flags=re.M)
    tree = ast.parse(source)
    if tree.body and all(isinstance(n, (ast.Import, ast.ImportFrom)) for n in tree.body):
        names = [n for n in map(Plain().visit, tree.body) if n]
        return '\n'.join(
            sorted(
                f'{getattr(n, "level", "")}{getattr(n, "module", "")} {a.name} {a.asname}'
                for n in names
                for a in n.names
            )
        )
    body = Plain().visit(tree).body
    return form(body) if body else ''


def digests(path):
    "Digest of a notebook's code by the flag under which it runs, '' for none."
    parts = {}
    for c in json.loads(path.read_text(encoding='utf-8'))['cells']:
        text = ''.join(c['source'])
        said = set(DIRECTIVE.findall(text))
        if c['cell_type'] != 'code' or re.search(r'^#\|\s*eval:\s*false', text, re.M):
            continue
        code = plain(text)
        if code:
            flags = ' '.join(sorted(said & FLAGS))
            parts.setdefault(flags, []).append(code)
    return {
        k: hashlib.sha256('\n\n'.join(v).encode()).hexdigest()[:12]
        for k, v in sorted(parts.items())
    }


def noted():
    "What is noted: `{notebook: {flag: digest}}`."
    return json.loads(STORE.read_text(encoding='utf-8')) if STORE.exists() else {}


def note(path, ran=('',), by_run=True):
    """Note the code of a notebook whose outputs have just been stored, of the cells that ran.

    `noted` in a row lists what was noted without a run.
    """
    rows, name = noted(), full_name(path)
    old = rows.get(name, {})
    row = {k: v if k in ran else old.get(k) for k, v in digests(path).items()}
    unrun = {k for k in row if (not by_run if k in ran else k in old.get('noted', ()))}
    rows[name] = row | (dict(noted=sorted(unrun)) if unrun else {})
    write(rows)


def write(rows):
    "One line a notebook, in their order, those that are there."
    there = [full_name(p) for p in every_notebook()]
    lines = [f' {json.dumps(n)}: {json.dumps(rows[n])}' for n in there if n in rows]
    STORE.write_text('{\n' + ',\n'.join(lines) + '\n}\n', encoding='utf-8')


def stale(path, rows=None):
    "Findings of a notebook: cells whose code is not that of the stored outputs."
    old, name = (noted() if rows is None else rows).get(full_name(path)), full_name(path)
    if old is None:
        yield f'no run of it is noted: python tools/run_notebooks.py {name}'
        return
    for flag, digest in digests(path).items():
        if old.get(flag) != digest:
            cells = f'cells flagged {flag}' if flag else 'cells'
            how = ' --slow' if flag else ''
            yield (
                f'the outputs of its {cells} are of other code: '
                f'python tools/run_notebooks.py {name}{how}'
            )


def main():
    p = argparse.ArgumentParser(description='List notebooks whose stored outputs are stale.')
    p.add_argument('names', nargs='*', help='beginnings of names; default: all notebooks')
    p.add_argument('--note', action='store_true', help='note the named ones as they are now')
    a = p.parse_args()
    paths = every_notebook(a.names)
    if a.note:
        for path in paths:
            note(path, digests(path), by_run=False)
    rows, found = noted(), 0
    for path in paths:
        for line in stale(path, rows):
            found += 1
            print(f'{full_name(path)}: {line}')
    unrun = [full_name(p) for p in paths if '' in rows.get(full_name(p), {}).get('noted', ())]
    print(*(f'{n}: noted without a run' for n in unrun), f'{found} stale', sep='\n')
    return found > 0


if __name__ == '__main__':
    sys.exit(main())
