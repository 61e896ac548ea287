"""Does every link of the site lead somewhere? `python tools/links.py [FOLDER]`.

Nothing is fetched: links to elsewhere are listed.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# what a browser fetches by itself
LOADED = ('script', 'img', 'link', 'iframe', 'source', 'video', 'audio', 'object', 'embed')


class Read(HTMLParser):
    "What a page holds: its anchors, its links, and what it loads."

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.wordless = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.anchors |= {a[k] for k in ('id', 'name') if a.get(k)}
        for k in ('href', 'src'):
            if a.get(k) and not (tag == 'link' and a.get('rel') == 'canonical'):
                self.links.append((tag, a[k]))
        if tag == 'img' and not (a.get('alt') or '').strip():
            self.wordless.append(a.get('src'))


def broken(folder):
    "Faults, addresses elsewhere, and the number of links inside."
    folder = Path(folder).resolve()
    pages = {p: Read(p.read_text(encoding='utf-8')) for p in sorted(folder.rglob('*.html'))}
    faults, elsewhere, inside = [], set(), 0
    for page, read in pages.items():
        at = page.relative_to(folder).as_posix()
        faults += [f'{at}: no alternative text for {src}' for src in read.wordless]
        for tag, link in read.links:
            u = urlsplit(link)
            if u.scheme or u.netloc:
                elsewhere.add(link)
                if tag in LOADED and u.scheme != 'data':
                    faults.append(f'{at}: loads {link} from elsewhere')
                continue
            inside += 1
            file = (page.parent / unquote(u.path)).resolve() if u.path else page
            file = file / 'index.html' if file.is_dir() else file
            if not file.exists() or not file.is_relative_to(folder):
                faults.append(f'{at}: no file for {link}')
            elif u.fragment and file in pages and unquote(u.fragment) not in pages[file].anchors:
                faults.append(f'{at}: no anchor for {link}')
    return sorted(set(faults)), sorted(elsewhere), inside


if __name__ == '__main__':
    faults, elsewhere, inside = broken(
        sys.argv[1]
        if len(sys.argv) > 1
        else Path(__file__).resolve().parent.parent / 'build' / 'html'
    )
    print(
        *faults,
        *(f'elsewhere: {e}' for e in elsewhere),
        f'{inside} links inside, {len(faults)} broken',
        sep='\n',
    )
    sys.exit(len(faults) > 0)
