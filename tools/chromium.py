"""Where Chromium is: `python tools/chromium.py [--may-skip]` says it.

Without one it ends with exit code 3, or 0 where that is allowed.
"""

import argparse
import shutil
import sys
from pathlib import Path

# axe-core, as `make browser` puts it there
AXE = Path(__file__).resolve().parent.parent / 'build/node_modules/axe-core/axe.min.js'
NAMES, MISSING = ('chromium', 'chromium-browser', 'google-chrome'), 3


def add_flag(parser):
    parser.add_argument(
        '--may-skip',
        action='store_true',
        help=f'without Chromium end with exit code 0, not {MISSING}',
    )


def chromium(may_skip=False):
    "Path of the program; where there is none the process ends, and says why."
    if program := next(filter(None, map(shutil.which, NAMES)), None):
        return program
    print(f'skipped: no Chromium (none of {", ".join(NAMES)} is installed)')
    sys.exit(0 if may_skip else MISSING)


def inaccessible(page):
    "Serious and critical findings of axe-core on a page as it is now; None without axe-core."
    if not AXE.exists():
        return None
    page.evaluate(AXE.read_text(encoding='utf-8'))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")['violations']
    return [
        f'{v["id"]}: {v["nodes"][0]["html"][:200]}'
        for v in found
        if v['impact'] in ('serious', 'critical')
    ]


if __name__ == '__main__':
    p = argparse.ArgumentParser(description='Say where Chromium is.')
    add_flag(p)
    print(chromium(p.parse_args().may_skip))
