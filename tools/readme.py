"""README.md from nbs/index.ipynb: `python tools/readme.py` writes it."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def code(cell):
    """A code cell and the text that it printed, as fenced blocks.

    Hidden cells give nothing, or only what they print.
    """
    source = ''.join(cell['source'])
    if re.search(r'^#\|\s*(hide|default_exp)\s', source, re.M):
        return ''
    text = ''.join(
        ''.join(o.get('text', [])) for o in cell['outputs'] if o['output_type'] == 'stream'
    )
    body = re.sub(r'^#\|.*\n?', '', source, flags=re.M).strip()
    blocks = [] if re.search(r'^#\|\s*hide_input', source, re.M) else [f'```python\n{body}\n```']
    return '\n\n'.join(blocks + ([f'```text\n{text.strip()}\n```'] if text else []))


def readme():
    "The landing page as Markdown, its links as seen from the root."
    cells = json.loads((ROOT / 'nbs' / 'index.ipynb').read_text(encoding='utf-8'))['cells']
    parts = [''.join(c['source']) if c['cell_type'] == 'markdown' else code(c) for c in cells]
    text = '\n\n'.join(p.strip() for p in parts if p.strip()) + '\n'
    text = re.sub(r'\]\((?!https?:|#|\.\./)', '](nbs/', text)  # beside the notebook
    return text.replace('](../', '](')


if __name__ == '__main__':
    (ROOT / 'README.md').write_text(readme(), encoding='utf-8')
    print('README.md written')
