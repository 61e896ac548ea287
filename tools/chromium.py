"""Where Chromium is: `python tools/chromium.py [--may-skip]` says it.

Without one it ends with exit code 3, or 0 where that is allowed.
"""

import argparse
import shutil
import sys

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


if __name__ == '__main__':
    p = argparse.ArgumentParser(description='Say where Chromium is.')
    add_flag(p)
    print(chromium(p.parse_args().may_skip))
