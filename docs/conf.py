"""How Sphinx makes the site.

The pages come from the notebooks: `tools/docs.py` writes them and runs this.
"""

import configparser
import sys
from pathlib import Path

from pygments.formatters import HtmlFormatter
from pygments.token import Name, Operator, Punctuation, Text
from sphinx.highlighting import PygmentsBridge

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here))
settings = configparser.ConfigParser(delimiters=['='], interpolation=None)
settings.read(here.parent / 'settings.ini', encoding='utf-8')
s = settings['DEFAULT']

project, author, release = s['title'], s['author'], s['version']
project_copyright = s['copyright']
extensions = ['myst_parser', 'mathml']
html_math_renderer = 'mathml'  # no script, no network
root_doc = 'index'
nitpicky = True  # a name that leads nowhere is a warning, and a warning an error
# but for what annotations say of other packages
nitpick_ignore_regex = [('py:.*', r'(?!stylecfm\.).*')]


class Lean(HtmlFormatter):
    "Marks only what has a colour: half of a page would be marks of plain names and brackets."

    def _get_css_classes(self, ttype):
        plain = ttype in (Name, Operator, Punctuation) or ttype in Text
        return '' if plain else super()._get_css_classes(ttype)


PygmentsBridge.html_formatter = Lean
myst_enable_extensions = ['dollarmath', 'amsmath', 'attrs_block', 'attrs_inline']
myst_heading_anchors = 4
add_module_names = False
toc_object_entries_show_parents = 'hide'
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True

pygments_dark_style = 'github-dark'
html_theme, html_title = 'furo', s['title']
html_static_path = [str(here / 'static')]
html_css_files = ['site.css']
html_copy_source = html_show_sourcelink = html_show_sphinx = False
html_domain_indices = html_use_index = False  # api.html and the search list the names
html_theme_options = dict(
    footer_icons=[],
    source_repository='',
    top_of_page_buttons=[],
    light_css_variables={'color-api-name': '#1b4f72', 'color-api-pre-name': '#666'},
    dark_css_variables={'color-api-name': '#9fd0f5', 'color-api-pre-name': '#aaa'},
)
