"""Sizes of names, options and texts.

`make counts` (`python tools/counts.py`) writes nbs/results/counts.json.

Nothing is imported but the config. It fails for homonyms, for names that differ only in case, and
for too many names.
"""

import argparse
import ast
import json
import re
import sys
from collections import Counter, defaultdict

import symbols
import words
from notebooks import NBS, ROOT, every_notebook, short_name

OUTPUT = NBS / 'results' / 'counts.json'
MOST_NAMES = 320
# As an outside reading counted them at b969601; what it did not state is left out.
BEFORE = dict(
    public_names=784,
    homonyms=22,
    case_pairs=38,
    config_keys=76,
    readme_lines=271,
    docments_with_fragments=692,
    longest_line=280,
    modules=43,
    arrows=181,
    upward_imports=0,
    longest_notebook_cells=85,
)

# What a count that has grown is due to.
NOTES = dict(
    modules='flat modules were split by subject; painting, recordings and export were added',
    arrows='grows with the number of modules; upward_imports counts those against the order',
    longest_notebook_cells='cells are shorter, as lint.py limits them',
)


def homonyms(public):
    "Names that several modules define, with the modules."
    where = defaultdict(list)
    for module, names in public.items():
        for name in names:
            where[name].append(module)
    return {name: found for name, found in sorted(where.items()) if len(found) > 1}


def case_pairs(public):
    "Names that differ only in case."
    alike = defaultdict(set)
    for name in (n for names in public.values() for n in names):
        alike[name.lower()].add(name)
    return [sorted(found) for _, found in sorted(alike.items()) if len(found) > 1]


def arrows(trees):
    "Pairs `(module, module that it imports)`, wherever in the module the import stands."
    found = set()
    for name, tree in trees.items():
        for n in ast.walk(tree):
            if not isinstance(n, ast.ImportFrom):
                continue
            base = n.module or ''
            if n.level:
                base = '.'.join(p for p in (*name.split('.')[: -n.level], base) if p)
            elif base == 'stylecfm' or base.startswith('stylecfm.'):
                base = base[len('stylecfm') :].lstrip('.')
            else:
                continue
            for target in (base, *(f'{base}.{a.name}'.lstrip('.') for a in n.names)):
                if target in trees and target != name:
                    found.add((name, target))
    return found


def notebook_order():
    "{module: place of its notebook}."
    said = [
        re.search(r'"#\|\s*default_exp (\S+?)"', p.read_text(encoding='utf-8'))
        for p in every_notebook()
    ]
    return {m[1]: i for i, m in enumerate(said) if m}


def flags(trees):
    "{command: flags}, of the functions behind the console commands."
    rows = re.findall(
        r'^(?:console_scripts = |    )(\w+)=stylecfm\.([\w.]+):(\w+)$',
        (ROOT / 'settings.ini').read_text(encoding='utf-8'),
        re.M,
    )
    found = {}
    for command, module, function in rows:
        for n in ast.walk(trees[module]):
            if isinstance(n, ast.FunctionDef) and n.name == function:
                found[command] = len(n.args.args) + len(n.args.kwonlyargs)
    return found


def lines():
    "Longest line of code in notebooks and tools: `(letters, file)`."
    sources = [
        (p.name, ''.join(c['source']))
        for p in every_notebook()
        for c in json.loads(p.read_text(encoding='utf-8'))['cells']
        if c['cell_type'] == 'code'
    ]
    sources += [(p.name, p.read_text(encoding='utf-8')) for p in (ROOT / 'tools').glob('*.py')]
    return max((len(line), name) for name, text in sources for line in text.splitlines())


def fragments():
    "Docments that begin with a fragment word, in notebooks and tools."
    return sum(
        what.startswith('docment begins') for p in words.files() for _, what, _ in words.findings(p)
    )


def counted():
    "All counts, as `counts.json` holds them."
    modules = symbols.modules()
    public, trees = {m.name: m.public for m in modules}, {m.name: m.tree for m in modules}
    order, edges, by_command = notebook_order(), arrows(trees), flags(trees)
    cells = {
        short_name(p): len(json.loads(p.read_text(encoding='utf-8'))['cells'])
        for p in every_notebook()
    }
    sys.path.insert(0, str(ROOT))
    from stylecfm.config import Config

    command, longest = max(by_command, key=by_command.get), lines()
    tools = [p for p in (ROOT / 'tools').glob('*.py') if not p.name.startswith('test_')]
    most = max(cells, key=cells.get)
    return dict(
        public_names=sum(map(len, public.values())),
        homonyms=len(homonyms(public)),
        case_pairs=len(case_pairs(public)),
        config_keys=sum(map(len, json.loads(Config().to_json()).values())),
        commands=len(by_command),
        most_flags=by_command[command],
        most_flags_command=command,
        readme_lines=len((ROOT / 'README.md').read_text(encoding='utf-8').splitlines()),
        docments_with_fragments=fragments(),
        longest_line=longest[0],
        longest_line_file=longest[1],
        modules=len(modules),
        arrows=len(edges),
        upward_imports=sum(order[b] > order[a] for a, b in edges),
        tools_lines=sum(len(p.read_text(encoding='utf-8').splitlines()) for p in tools),
        longest_notebook=most,
        longest_notebook_cells=cells[most],
        names_by_module=dict(sorted(Counter({m: len(n) for m, n in public.items()}).items())),
    )


def main():
    argparse.ArgumentParser(
        description='Count names, options and lines, and store the counts.'
    ).parse_args()
    now = counted()
    OUTPUT.write_text(
        json.dumps(
            dict(command='tools/counts.py', now=now, at_b969601=BEFORE, notes=NOTES), indent=2
        )
        + '\n',
        encoding='utf-8',
    )
    for k, v in now.items():
        if k != 'names_by_module':
            before = f'   at b969601: {BEFORE[k]}' if k in BEFORE else ''
            print(f'{k:24} {v!s:>20}{before}' + (f'; {NOTES[k]}' if k in NOTES else ''))
    return now['homonyms'] + now['case_pairs'] > 0 or now['public_names'] > MOST_NAMES


if __name__ == '__main__':
    sys.exit(main())
