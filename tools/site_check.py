"""Open every page of build/html in a real browser.

`python tools/site_check.py [--pictures FOLDER] [--may-skip]` needs Chromium and playwright.

Wide, narrow and dark: nothing on the console, nothing wider than the window, nothing loaded from
elsewhere, and the search finds things. The last line counts the errors; without Chromium the exit
code is 3, or 0 with --may-skip. The figures go into nbs/results/site.json.
"""

import argparse
import sys
import time
from pathlib import Path

from chromium import add_flag, chromium
from notebooks import ROOT

SITE, WIDTHS = ROOT / 'build' / 'html', (1280, 390)
SEARCHED = ('solver', 'StyleTransferPipeline', 'optimal transport')
SHOWN = dict(
    landing=('index.html', 1280, 'light'),
    maths=('06_flow/03_losses.html', 390, 'light'),
    dark=('06_flow/06_solvers.html', 1280, 'dark'),
    search=('search.html?q=solver', 1280, 'light'),
    narrow=('index.html', 390, 'dark'),
    names=('api.html', 390, 'light'),
    symbols=('06_flow/06_solvers.html#api', 1280, 'light'),
)  # what one looks at
BACKGROUND = 'getComputedStyle(document.body).backgroundColor'


def address(page):
    return SITE.as_uri() + '/' + page


def opened(page, at, faults):
    "Open a page and note what the browser has against it."
    said = []

    def listen(m):
        return said.append(m.text) if m.type in ('error', 'warning') else None

    page.on('console', listen)
    page.on('pageerror', error := lambda e: said.append(str(e)))
    page.goto(address(at))
    wide, room = page.evaluate('[document.documentElement.scrollWidth, window.innerWidth]')
    if wide > room:
        said.append(f'{wide} pixels wide in a window of {room}')
    if page.evaluate('[...document.images].some(i => !i.naturalWidth)'):
        said.append('a picture does not show')
    page.remove_listener('console', listen)
    page.remove_listener('pageerror', error)
    faults += [f'{at} at {room}: {s}' for s in said]


def found(page, word):
    "How many pages the search of the site finds, without a server."
    page.goto(address(f'search.html?q={word}'))
    page.wait_for_selector('ul.search li', timeout=20_000)
    # all are listed
    page.wait_for_function(
        "/found/.test(document.querySelector('.search-summary')?.innerText)", timeout=20_000
    )
    return page.locator('ul.search li').count()


def dark(page):
    "The background in the dark, and after the reader has asked for light."
    page.goto(address('index.html'))
    seen = {}
    for theme in ('light', 'dark'):
        page.evaluate(f"document.body.dataset.theme = '{theme}'")
        seen[theme] = page.evaluate(BACKGROUND)
    return seen


def visit(browser, pages, faults, elsewhere):
    "Every page in every width; seconds."
    start = time.perf_counter()
    for width in WIDTHS:
        context = browser.new_context(viewport=dict(width=width, height=900))
        page = context.new_page()
        page.on(
            'request',
            lambda q: None if q.url.startswith(('file:', 'data:')) else elsewhere.append(q.url),
        )
        for at in pages:
            opened(page, at, faults)
        context.close()
    return time.perf_counter() - start


def pictures(browser, folder):
    "Pictures of some pages, to be looked at."
    folder.mkdir(parents=True, exist_ok=True)
    for name, (at, width, theme) in SHOWN.items():
        page = browser.new_page(viewport=dict(width=width, height=900), color_scheme=theme)
        page.goto(address(at))
        page.wait_for_timeout(1000)
        page.screenshot(path=folder / f'{name}.png')
        page.close()


def main():
    p = argparse.ArgumentParser(description='Open every page of the site in a real browser.')
    p.add_argument('--pictures', type=Path, help='folder for pictures of some pages')
    add_flag(p)
    a = p.parse_args()
    program = chromium(a.may_skip)
    if not (SITE / 'index.html').exists():
        sys.exit('there is no build/html; run make docs')
    from playwright.sync_api import sync_playwright

    from stylecfm.evaluation.metrics import keep_results

    pages, faults, elsewhere = (
        # paint/ needs a server, and has a check of its own: tools/paint_browser.py
        sorted(
            p
            for p in (f.relative_to(SITE).as_posix() for f in SITE.rglob('*.html'))
            if not p.startswith('paint/')
        ),
        [],
        [],
    )
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=['--no-sandbox'])
        seconds = visit(browser, pages, faults, elsewhere)
        page = browser.new_page(color_scheme='dark')
        finds, themes = {w: found(page, w) for w in SEARCHED}, dark(page)
        if themes['light'] == themes['dark']:
            faults.append(f'the dark is as light as the light: {themes}')
        if a.pictures:
            pictures(browser, a.pictures)
        version = browser.version
        browser.close()
    faults += [f'loaded from elsewhere: {u}' for u in sorted(set(elsewhere))]
    size = sum(
        f.stat().st_size for f in SITE.rglob('*') if f.is_file() and SITE / 'paint' not in f.parents
    )
    keep_results(
        ROOT / 'nbs' / 'results' / 'site.json',
        'make docs site-check',
        browser=version,
        pages=len(pages),
        widths=list(WIDTHS),
        seconds=seconds,
        bytes=size,
        errors=faults,
        found=finds,
        background=themes,
    )
    print(
        *faults,
        f'{len(pages)} pages, each at {WIDTHS} pixels, {seconds:.0f} s, found {finds}, '
        f'{len(faults)} errors',
        sep='\n',
    )
    return len(faults) > 0


if __name__ == '__main__':
    sys.exit(main())
