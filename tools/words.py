"""Words that the field does not use, where a reader can see them.

`python tools/words.py [NAMES] [--counts]`.

Looks at markdown, comments, docstrings and texts of notebooks and tools, without what stands in
backticks, and at docments, which must name a quantity. `words_to_do.txt` lists files that still
have findings; no other file may have any.
"""

import argparse
import ast
import io
import json
import re
import sys
import tokenize
from collections import Counter

from notebooks import ROOT, every_notebook, is_meant

TO_DO = ROOT / 'tools' / 'words_to_do.txt'
PHRASES = {
    'the ways? (back|forth)': 'backward or forward pass; inversion',
    'there and back': 'round trip, reconstruction',
    'made again|remade|remake': 'recomputed',
    'forgotten': 'discarded',
    'comes? along with': 'pretrained model',
    '(put|puts|putting|set) aside': 'hold out',
    'rivals?': 'baselines',
    '(?<!that )crowds?': 'sets, distributions',
    'small pieces': 'patches',
    'taken for a (Monet|painting)': 'style classifier accuracy',
    'laws? of (the )?times?': 'time distribution',
    'says? nothing(?! about)': 'outputs zero',
    '(is|are) asked (at|for the)': 'is evaluated at',
    '(is|are) told( of)? (the|a|about|of)': 'is conditioned on',
    'hears?': 'depends on',
    'whispers?': 'depends on',
    'pays (\\$|one|\\\\pi)': 'has loss',
    'sealed': 'checksummed',
    'twins?': 'duplicates',
    '(this|that|the lowest) (room|floor|house)|floor \\d': 'module, notebook, chapter',
    'guessed|guess it': 'auto-detect',
    'anew': 'again, from the start',
    'at birth': 'at initialisation',
    'so many': 'the number',
    '(is|are) to be had': 'is available',
    '(?-i:in words)': '(drop it)',
}
SAY = [(re.compile(rf'\b(?:{p})\b', re.I), say) for p, say in PHRASES.items()]
FRAGMENT = re.compile(r'(Of|What|As|Where|From|Its|Likewise|The same|Whose|Which)\b')
EXCEPTIONS = {'words.py', 'test_tools.py'}  # they name the phrases


def docments(tree):
    "Last lines of the parameters, results and fields of a module."
    for n in ast.walk(tree):
        if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)):
            a = n.args
            yield from (
                (v.lineno, v.end_lineno)
                for v in (*a.args, *a.kwonlyargs, a.vararg, a.kwarg, n.returns)
                if v
            )
            yield from ((v.end_lineno,) * 2 for v in (*a.defaults, *a.kw_defaults) if v)
        if isinstance(n, ast.ClassDef):
            yield from ((v.lineno, v.end_lineno) for v in n.body if isinstance(v, ast.AnnAssign))


def texts(source):
    "`(text, is_docment)` for the comments and strings of code."
    source = re.sub(r'^[%!].*$', 'pass', source, flags=re.M)
    tree, lines = ast.parse(source), source.splitlines()
    places = {line for pair in docments(tree) for line in pair}
    comments = {
        t.start[0]: t
        for t in tokenize.generate_tokens(io.StringIO(source).readline)
        if t.type == tokenize.COMMENT and not t.string.startswith('#|')
    }
    alone = {k for k, t in comments.items() if not lines[k - 1][: t.start[1]].strip()}
    for k, t in comments.items():
        if k in alone:
            end = k + 1
            while end in alone:
                end += 1
            # the first line of a comment above a parameter or a field
            first = t.start[1] > 0 and k - 1 not in alone and end in places
        yield t.string.lstrip('# '), first if k in alone else k in places
    yield from (
        (n.value, False)
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and ' ' in n.value
    )


def pieces(path):
    "`(place, text, is_docment)` for all that a reader sees in a file."
    text = path.read_text(encoding='utf-8')
    if path.suffix != '.ipynb':
        yield from (
            (0, *found) for found in (texts(text) if path.suffix == '.py' else [(text, False)])
        )
    for i, c in enumerate(json.loads(text)['cells'] if path.suffix == '.ipynb' else ()):
        source = ''.join(c['source'])
        yield from (
            (i, *found)
            for found in (texts(source) if c['cell_type'] == 'code' else [(source, False)])
        )


def findings(path):
    "`(place, phrase, what to say)` for every wrong word of a file."
    for place, text, is_docment in pieces(path):
        if is_docment and (m := FRAGMENT.match(text)):
            yield place, f'docment begins with {m[0]}', 'a noun phrase: ' + text
        plain = re.sub(r'(`+).*?\1', '`', text, flags=re.S)
        yield from (
            (place, m[0].lower(), say) for phrase, say in SAY for m in phrase.finditer(plain)
        )


def files(names=()):
    """Notebooks, tools and pages with text of their own.

    The package and README.md are written from the notebooks.
    """
    found = [
        *every_notebook(),
        *sorted((ROOT / 'tools').glob('*.py')),
        *sorted(ROOT.glob('[!R]*.md')),
    ]
    return [p for p in found if p.name not in EXCEPTIONS and (not names or is_meant(p, names))]


def main():
    p = argparse.ArgumentParser(description='Find words that the field does not use.')
    p.add_argument('names', nargs='*', help='beginnings of names; default: all files')
    for flag, what in (
        ('--counts', 'print counts by phrase and by file'),
        ('--all', 'fail for the files of words_to_do.txt, too'),
    ):
        p.add_argument(flag, action='store_true', help=what)
    a = p.parse_args()
    left, counts, failed = set(TO_DO.read_text(encoding='utf-8').split()), Counter(), 0
    for path in files(a.names):
        found, name = [*findings(path)], path.relative_to(ROOT).as_posix()
        counts.update([what for _, what, _ in found] + [name] * len(found))
        listed = name in left and not (a.all or a.names)
        failed += 0 if listed else len(found)
        if listed and not found:
            failed += print(f'{name}: clean, so take it out of {TO_DO.name}') or 1
        for place, what, say in found * (not a.counts and not listed):
            print(f'{name}:{place}: {what} -> {say}')
    for what, n in counts.most_common() if a.counts else ():
        print(f'{n:5d} {what}')
    print(f'{failed} findings')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
