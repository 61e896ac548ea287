"""Turn LaTeX into MathML while the site is built.

A page then needs neither a script nor a network for its formulas.
"""

import re

from docutils.nodes import SkipNode
from latex2mathml.converter import convert
from sphinx.util.logging import getLogger

# Fences that the converter leaves as they are behind \\big and its like.
FENCES = {
    r'\|': '‖',
    r'\Vert': '‖',
    r'\lVert': '‖',
    r'\rVert': '‖',
    r'\vert': '|',
    r'\lvert': '|',
    r'\rvert': '|',
    r'\langle': '⟨',
    r'\rangle': '⟩',
    r'\{': '{',
    r'\}': '}',
    r'\lfloor': '⌊',
    r'\rfloor': '⌋',
    r'\lceil': '⌈',
    r'\rceil': '⌉',
}


def mathml(self, node, display):
    "A formula as MathML; what is not understood is a warning, which `-W` makes an error."
    tex = node.astext().strip()
    if r'\\' in tex and r'\begin' not in tex:
        tex = rf'\begin{{aligned}}{tex}\end{{aligned}}'
    # in braces it becomes a letter, else an attribute
    tex = re.sub(r'\\(math(?:cal|bb|bf|sf|frak|scr|rm)) +(\w)', r'\\\1{\2}', tex)
    try:
        made = convert(tex, display=display)
    # the converter's errors have no common name
    except Exception as e:
        made = f'\\{type(e).__name__}'
    made = re.sub(r'(?<=>)\\[A-Za-z|{}]+(?=</mo>)', lambda m: FENCES.get(m[0], m[0]), made)
    # which browsers no longer heed
    if re.search(r'mathvariant="(?!normal|italic)', made):
        made += '\\mathvariant'
    if '\\' in made:
        getLogger(__name__).warning('LaTeX that is not understood: %s', tex, location=node)
    return made


def inline(self, node):
    self.body.append(mathml(self, node, 'inline'))
    raise SkipNode


def block(self, node):
    anchor = f' id="{node["ids"][0]}"' if node['ids'] else ''
    self.body.append(f'<div class="math" tabindex="0"{anchor}>{mathml(self, node, "block")}</div>')
    raise SkipNode


def setup(app):
    app.add_html_math_renderer('mathml', (inline, None), (block, None))
    return dict(parallel_read_safe=True, parallel_write_safe=True)
