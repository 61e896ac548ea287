"""The site from the notebooks: `python tools/docs.py` writes build/html.

Nothing is executed and nothing fetched; stored outputs are shown.

A notebook becomes a page of Markdown with its pictures beside it, its module's symbols at the end
of it; Sphinx does the rest.
"""

import ast
import base64
import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from urllib.parse import unquote

from links import broken
from notebooks import FLAGS, NBS, ROOT, every_notebook
from symbols import modules

SOURCE, SITE, LARGEST_MB = ROOT / 'build' / 'pages', ROOT / 'build' / 'html', 21
# folder of notebooks: chapter of the sidebar
CHAPTERS = {
    '01_basics': 'Basics',
    '02_data': 'Images',
    '03_codecs': 'Codecs',
    '04_latents': 'Latents',
    '05_models': 'Networks',
    '06_flow': 'Flow matching',
    '07_training': 'Training',
    '08_pipeline': 'Transfer',
    '09_evaluation': 'Evaluation',
    '10_cli': 'Commands',
    '11_apps': 'Applications',
    '12_app': 'Web app',
    'tutorials': 'Tutorials and how-tos',
    'studies': 'Studies',
    'faults': 'Faults',
}
DOOR = '00_flow_in_100_lines'  # the first page for a new reader
# pages that are no notebooks
PAPERS = 'docs/glossary', 'CHANGELOG', 'CONTRIBUTING', 'checkpoints/painter/README'
TEXT = re.compile(
    r'^(`{3,}|~{3,}).*?^\1|^ '
    r'{4}[^\n]*$|^#[^\n]*$|\$\$.*?\$\$|\$[^$\n]+\$|!?\[[^\]]*\]\([^)]*\)|``.+?``|`([^`\n]+)`',
    re.M | re.S,
)
SETTINGS = configparser.ConfigParser(delimiters=['='], interpolation=None)
SETTINGS.read(ROOT / 'settings.ini', encoding='utf-8')
GITHUB = f'{SETTINGS["DEFAULT"]["git_url"]}/blob/{SETTINGS["DEFAULT"]["branch"]}'
HERE = SETTINGS['DEFAULT']['doc_host'] + SETTINGS['DEFAULT']['doc_baseurl'] + '/'  # the site


class Bad(Exception):
    "A notebook has what cannot be shown."


class Names:
    "Where the public names are: a name as a reader writes it becomes a link to what it means."

    def __init__(self, found):
        self.modules, self.full, self.short = (
            {f'stylecfm.{m.name}' for m in found},
            {},
            defaultdict(list),
        )
        for s in (s for m in found for s in m.symbols):
            self.full[f'stylecfm.{s.module}.{s.name}'] = s
            self.short[s.name].append(f'stylecfm.{s.module}.{s.name}')

    def find(self, said, home, imported):
        """The full name of what was said in the notebook of module `home`.

        None if it is no symbol, or could be two.
        """
        name = re.sub(r'\(.*\)$', '', said)
        if name in self.full or name in self.modules:
            return name
        folder = ROOT / name.replace('.', '/')
        if re.fullmatch(r'stylecfm(\.\w+)+', name) and name != home and not folder.exists():
            raise Bad(f'no symbol {name}')
        first, _, rest = name.partition('.')
        for full in (f'{home}.{name}', f'{imported.get(first, "")}.{name}'):
            if full in self.full:
                return full
        could = self.short.get(name, [])
        return could[0] if len(could) == 1 and name not in imported else None

    def linked(self, text, home='', imported=()):
        "Markdown whose code spans lead to the symbols that they name."

        def link(m):
            full = m[2] and self.find(m[2], home, dict(imported))
            return f'{{py:obj}}`{m[2]} <{full}>`' if full else m[0]

        return TEXT.sub(link, text)


def imports(cells):
    "{name: module} of what a notebook imports from the package."
    code = [
        re.sub(r'^[%!].*$', 'pass', ''.join(c['source']), flags=re.M)
        for c in cells
        if c['cell_type'] == 'code'
    ]
    nodes = [
        n
        for c in code
        for n in ast.walk(ast.parse(c))
        if isinstance(n, ast.ImportFrom) and (n.module or '').startswith('stylecfm')
    ]
    return {a.asname or a.name: n.module for n in nodes for a in n.names}


def slug(title):
    "The anchor of a heading, as the site has it."
    return re.sub(r'[^\w\- ]', '', unquote(title).lower()).strip().replace(' ', '-')


def target(link, page):
    """Where a link of a notebook leads on the site.

    To a page, a picture, or a file of the repository.
    """
    if re.match(r'[a-z]+:', link):
        return link
    path, _, anchor = link.partition('#')
    anchor = f'#{slug(anchor)}' if anchor else ''
    if not path:
        return anchor
    file = (page.parent / unquote(path)).resolve()
    if not file.exists():
        raise Bad(f'link to {link}, which does not exist')
    if file.suffix == '.ipynb':
        return path.removesuffix('.ipynb') + '.md' + anchor
    if file.is_relative_to(NBS / 'figures'):
        return '/' + file.relative_to(NBS).as_posix()
    inside = file.relative_to(ROOT)
    if inside.with_suffix('').as_posix() in PAPERS:
        return '/' + inside.as_posix() + anchor
    return f'{GITHUB.replace("/blob/", "/tree/") if file.is_dir() else GITHUB}/{inside.as_posix()}'


def plain(markdown):
    "Words without marks, for alternative text."
    text = re.sub(
        r'!?\[([^\]]*)\]\([^)]*\)',
        r'\1',
        re.sub(r'```.*?```|\$\$.*?\$\$', '', markdown, flags=re.S),
    )
    return ' '.join(re.sub(r'[`*$>\\\[\]{}|"]|^#+ ', '', text, flags=re.M).split())


def alternative(source, before, heading=''):
    """What a picture shows.

    The words of `#| fig-alt:`, or the heading above it and the last sentence before it.
    """
    said = re.search(r'^#\|\s*fig-alt:\s*(.+)$', source, re.M)
    if said:
        return plain(said[1])
    paragraphs = [p for p in map(plain, re.split(r'\n\s*\n', before)) if p]
    sentence = re.split(r'(?<=[.!?:]) (?=[A-Z])', paragraphs[-1])[-1] if paragraphs else ''
    words = sentence[:300].rstrip(':')
    return words if not heading or not words or words == heading else f'{heading}: {words}'


class Page:
    "A notebook on its way to a page."

    def __init__(self, path, names, module):
        self.path, self.names, self.module = path, names, module
        self.at = path.relative_to(NBS).with_suffix('')
        self.cells = json.loads(path.read_text(encoding='utf-8'))['cells']
        self.home, self.imported = f'stylecfm.{module.name}' if module else '', imports(self.cells)
        self.before, self.heading, self.pictures, self.said = '', '', 0, []

    def prose(self, source):
        "A cell of Markdown with links that lead somewhere on the site."

        def link(m):
            if m[1] is None:
                return m[0]
            if m[1].startswith('!') and not m[2].strip():
                raise Bad(f'a picture without words: {m[0]}')
            if m[3].startswith(HERE):  # a page of the site that is made of no notebook
                inside = NBS if self.path.is_relative_to(NBS) else ROOT
                up = '../' * (len(self.path.relative_to(inside).parts) - 1)
                return f'<a href="{up}{m[3].removeprefix(HERE)}">{m[2]}</a>'
            return f'{m[1]}[{m[2]}]({target(m[3], self.path)})'

        self.before = source
        self.heading = next(
            map(plain, reversed(re.findall(r'^#{2,} .*', source, re.M))),
            getattr(self, 'heading', ''),
        )
        source = re.sub(
            r'^```.*?^```|``.+?``|(?<!\\)(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)',
            link,
            source,
            flags=re.M | re.S,
        )
        return self.names.linked(source, self.home, self.imported)

    def code(self, source, outputs):
        "A cell of code with what it printed and drew."
        flags = set(re.findall(r'^#\|\s*([\w-]+)', source, re.M))
        if flags & {'hide', 'default_exp'}:
            return ''
        shown = re.sub(r'^#\|.*\n?', '', source, flags=re.M).strip()
        parts = [] if 'hide_input' in flags or not shown else [f'```python\n{shown}\n```']
        if flag := flags & FLAGS:
            parts.insert(
                0,
                f'{{.flag}}\nFlagged `{" ".join(sorted(flag))}`: `make test` leaves this cell out.',
            )
        return '\n\n'.join(parts + [self.output(o, source) for o in outputs])

    def output(self, o, source):
        "What a cell left: text, or a picture with alternative text."
        if o['output_type'] == 'stream':
            return self.printed(o['text']) if o['name'] == 'stdout' else ''
        data = o.get('data', {})
        kinds = sorted(
            (k for k in data if k in ('image/png', 'image/jpeg')), key=lambda k: len(data[k])
        )
        if not kinds:
            return '' if 'text/html' in data else self.printed(data.get('text/plain', ''))
        alt = alternative(source, self.before, self.heading)
        if not alt:
            raise Bad('a picture without a sentence before it; write one, or #| fig-alt:')
        self.pictures += 1
        self.said.append(alt)
        if (n := self.said.count(alt)) > 1:
            alt += f' ({n})'
        file = (
            Path('pictures')
            / f'{self.at.parent.name}-{self.at.name}-{self.pictures}.{kinds[0][6:]}'
        )
        (SOURCE / file).parent.mkdir(exist_ok=True)
        (SOURCE / file).write_bytes(base64.b64decode(''.join(data[kinds[0]])))
        return f'![{alt}](/{file.as_posix()})'

    def printed(self, text):
        text = re.sub(r'\x1b\[[\d;]*m', '', ''.join(text)).rstrip()
        return f'{{.output}}\n````text\n{text}\n````' if text else ''

    def text(self):
        "The page; the module's symbols come last."
        parts = []
        for i, c in enumerate(self.cells):
            source = ''.join(c['source'])
            try:
                if c['cell_type'] == 'markdown':
                    parts.append(self.prose(source))
                elif c['cell_type'] == 'code':
                    parts.append(self.code(source, c['outputs']))
            except Bad as e:
                raise Bad(f'{self.path.name}, cell {i}: {e}') from None
        where = f'{{.where}}\n[The notebook]({GITHUB}/{self.path.relative_to(ROOT).as_posix()})'
        if self.module:
            where += (
                ', which is the module '
                f'[`{self.home}`]({GITHUB}/{self.module.path.relative_to(ROOT).as_posix()}); '
                '[its symbols](#api)'
            )
        if self.at.name != 'index':
            parts.insert(2 if self.module else 1, where)
        if self.module:
            parts.append(api(self.module, self.names, self.home, self.imported))
        return '\n\n'.join(p for p in parts if p)


def escaped(text):
    "Plain words with code spans, as a cell of a table."
    return ''.join(
        p if p.startswith('`') else re.sub(r'([*<\[\]$])', r'\\\1', p)
        for p in re.split(r'(`[^`]+`)', text)
    ).replace('|', r'\|')


def table(s, linked):
    "The docments of a symbol."

    def code(text):
        return f'`{text}`'.replace('|', r'\|') if text else ''

    rows = [*s.params, *([s.returns] if s.returns and (s.returns.doc or s.params) else [])]
    if not rows:
        return ''
    cells = [
        (
            code(p.name) if p is not s.returns else '*returns*',
            code(p.annotation),
            linked(escaped(p.doc)),
        )
        for p in rows
    ]
    return '\n'.join(
        [
            f'| {"field" if s.fields else "parameter"} | type | |',
            '|---|---|---|',
            *(f'| {" | ".join(c)} |' for c in cells),
        ]
    )


def entry(s, linked):
    "A symbol: its signature, what it is, its parameters, where it is written."
    # types are in the table
    arguments = ', '.join(p.name + (f'={p.default}' if p.default else '') for p in s.params)
    kind = dict(
        function='function', method='method', property='property', constant='data', alias='data'
    )
    what = kind.get(s.kind, 'class')
    back = f' -> {s.returns.annotation}' if s.returns else ''
    signature = s.name + (f'({arguments}){back}' if what in ('function', 'method', 'class') else '')
    lines = f'#L{s.line}-L{s.last}'
    parts = [
        linked(escaped(s.doc)),
        table(s, linked),
        f'{{.where}}\n[source]({GITHUB}/stylecfm/{s.module.replace(".", "/")}.py{lines})',
    ]
    options = f':type: {s.returns.annotation}\n' if what == 'property' and s.returns else ''
    return (
        f'`````{{py:{what}}} {signature}\n{options}\n'
        + '\n\n'.join(filter(None, parts))
        + '\n`````'
    )


def api(module, names, home, imported):
    "The last section of a page: every public symbol of its module."

    def linked(text):
        return names.linked(text, home, imported)

    return '\n\n'.join(
        ['## API', f'```{{py:module}} {home}\n```', *(entry(s, linked) for s in module.symbols)]
    )


def every_name(found):
    "The page that lists all symbols, by module."
    parts = [
        '# Every name',
        'What the package exports, module by module; the methods are with their classes.',
    ]
    for m in found:
        parts.append(f'## {m.name}\n\n{escaped(ast.get_docstring(m.tree) or "")}')
        rows = [(s, escaped(s.doc.split('\n')[0])) for s in m.symbols if '.' not in s.name]
        parts.append(
            '\n'.join(
                f'- {{py:obj}}`{s.name} <stylecfm.{m.name}.{s.name}>` {doc}' for s, doc in rows
            )
        )
    return '\n\n'.join(parts)


def contents(pages):
    "The list of notebooks for the landing page, by chapter: their titles and one-line quotes."
    rows, chapter = [], None
    for p in (p for p in pages if p.at.name != 'index'):
        prose = '\n'.join(''.join(c['source']) for c in p.cells[:2] if c['cell_type'] == 'markdown')
        title, quote = (re.search(rf'^{mark} (.+)$', prose, re.M) for mark in ('#', '>'))
        name = CHAPTERS.get(p.at.parts[0], 'Start here')
        if name != chapter:
            rows += ['', f'### {name}', '', '| notebook | contents |', '|---|---|']
            chapter = name
        rows.append(
            f'| [{plain(title[1]) if title else p.at.name}]({p.at.as_posix()}.md) | '
            f'{p.prose(quote[1]) if quote else ""} |'
        )
    return '\n'.join(
        ['## The notebooks', '', 'Start with the first; each imports only from those above.', *rows]
    )


def trees(pages):
    "The chapters of the sidebar; what a reader wants first comes first."
    first = {'Start here': [], CHAPTERS['tutorials']: []}
    chapters = first | {name: [] for name in CHAPTERS.values()} | {'About': ['api', *PAPERS]}
    for p in pages:
        if p.at.name != 'index':
            name = CHAPTERS[p.at.parts[0]] if p.at.name != DOOR else 'Start here'
            chapters[name].append(p.at.as_posix())
    form = '```{{toctree}}\n:hidden:\n:maxdepth: 1\n:caption: {}\n\n{}\n```'
    return '\n\n'.join(form.format(k, '\n'.join(v)) for k, v in chapters.items() if v)


def write_pages():
    "All of what Sphinx reads, into build/pages."
    shutil.rmtree(SOURCE, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    if (NBS / 'figures').is_dir():
        shutil.copytree(NBS / 'figures', SOURCE / 'figures')
    found = modules()
    names, by_name = Names(found), {m.name: m for m in found}
    pages = []
    for path in every_notebook():
        exp = re.search(r'"#\|\s*default_exp (\S+?)"', path.read_text(encoding='utf-8'))
        pages.append(Page(path, names, by_name[exp[1]] if exp else None))
    for p in pages:
        (SOURCE / p.at).parent.mkdir(exist_ok=True)
        (SOURCE / f'{p.at}.md').write_text(
            p.text()
            + (f'\n\n{contents(pages)}\n\n{trees(pages)}' if p.at.name == 'index' else '')
            + '\n',
            encoding='utf-8',
        )
    (SOURCE / 'api.md').write_text(every_name(found), encoding='utf-8')
    for name in PAPERS:
        (SOURCE / name).parent.mkdir(parents=True, exist_ok=True)
        paper = Page.__new__(Page)
        paper.path, paper.names, paper.home, paper.imported = ROOT / f'{name}.md', names, '', {}
        (SOURCE / f'{name}.md').write_text(
            paper.prose((ROOT / f'{name}.md').read_text(encoding='utf-8')), encoding='utf-8'
        )
    return pages


def slim(page):
    """A page without the span around each word of inline code.

    `docs/static/site.css` gives `code` what these would.
    """
    return re.sub(r'<span class="pre">([^<]*)</span>', r'\1', page)


def redirect():
    "Pages at earlier addresses that lead to the present ones, as docs/redirects.txt has them."
    for row in (ROOT / 'docs' / 'redirects.txt').read_text(encoding='utf-8').splitlines():
        old, new = (SITE / f'{name}.html' for name in row.split())
        to = os.path.relpath(new, old.parent).replace(os.sep, '/')
        old.parent.mkdir(parents=True, exist_ok=True)
        old.write_text(
            f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Moved</title>'
            f'<meta http-equiv="refresh" content="0; url={to}">'
            f'<a href="{to}">This page moved</a></html>',
            encoding='utf-8',
        )


def no_painting():
    "What stands for the page that paints in a browser until `tools/paint_page.py` writes it."
    page = SITE / 'paint' / 'index.html'
    page.parent.mkdir()
    page.write_text(
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Paint a photograph</title>'
        '<p>This copy of the documentation was built without the page that paints in a browser. '
        '<code>make paint-page</code> builds it, and needs npm.</p>'
        '<p><a href="../index.html">The documentation</a></p></html>',
        encoding='utf-8',
    )


def main():
    start = time.perf_counter()
    try:
        pages = write_pages()
    except Bad as e:
        sys.exit(str(e))
    shutil.rmtree(SITE, ignore_errors=True)
    command = [sys.executable, *'-m sphinx -W --keep-going -q -E -b html -j 2'.split()]
    if code := subprocess.call(
        [*command, '-c', ROOT / 'docs', '-d', ROOT / 'build' / 'doctrees', SOURCE, SITE], cwd=ROOT
    ):
        sys.exit(code)
    for f in SITE.rglob('*.map'):
        f.unlink()  # of the theme's developers; no page needs them
    for f in SITE.rglob('*.html'):
        f.write_text(slim(f.read_text(encoding='utf-8')), encoding='utf-8')
    redirect()
    no_painting()
    faults, elsewhere, inside = broken(SITE)
    size = sum(f.stat().st_size for f in SITE.rglob('*') if f.is_file()) / 1e6
    print(*faults, sep='\n', end='\n' if faults else '')
    if size > LARGEST_MB:
        sys.exit(f'the site has {size:.1f} MB, more than {LARGEST_MB}')
    (ROOT / 'build' / 'links.txt').write_text('\n'.join(elsewhere) + '\n', encoding='utf-8')
    print(
        f'{len(pages)} notebooks, {inside} links inside, {len(faults)} broken, '
        f'{len(elsewhere)} to elsewhere (build/links.txt), '
        f'{size:.1f} MB, {time.perf_counter() - start:.0f} s: build/html/index.html'
    )
    return len(faults) > 0


if __name__ == '__main__':
    sys.exit(main())
