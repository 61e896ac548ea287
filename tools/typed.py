"""Types of the package by pyright: `python tools/typed.py [--store]`.

`types_to_do.json` holds how many findings modules still have. More than that, or any in a module
that is not listed, is an error; fewer should be stored, so that they never come back. Where
pyright does not start, as without node and a network on its first day, the check is left out.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter

from notebooks import ROOT, SKIPPED

TO_DO = ROOT / 'tools' / 'types_to_do.json'
PACKAGE = ROOT / 'stylecfm'


def findings():
    "`(module, line)` for each finding of pyright."
    os.environ.setdefault('PYRIGHT_PYTHON_IGNORE_WARNINGS', '1')  # it would ask for a newer one
    args = [sys.executable, '-m', 'pyright', '--pythonpath', sys.executable, '--outputjson']
    r = subprocess.run(args, cwd=ROOT, text=True, capture_output=True)
    try:
        found = json.loads(r.stdout)['generalDiagnostics']
    except (ValueError, KeyError):
        raise OSError((r.stderr or r.stdout)[-500:]) from None
    for x in found:
        if x['severity'] == 'error':
            name = os.path.relpath(x['file'], PACKAGE).replace(os.sep, '/')
            line = x['range']['start']['line'] + 1
            what = ' '.join(x['message'].split())
            yield name, f'stylecfm/{name}:{line}: {what} ({x.get("rule", "syntax")})'


def compared(found, known):
    "Lines about modules whose number of findings is not the one that is stored."
    now = Counter(name for name, _ in found)
    for name in sorted(now.keys() | known.keys()):
        n, most = now[name], known.get(name, 0)
        if n > most:
            yield f'{name}: {n} findings, at most {most} are known'
            yield from (line for other, line in found if other == name)
        if n < most:
            yield f'{name}: {n} findings, fewer than {most}: store them by --store'


def main():
    p = argparse.ArgumentParser(description='Check the types of the package by pyright.')
    p.add_argument('--store', action='store_true', help='store how many findings there are')
    store = p.parse_args().store
    try:
        found = list(findings())
    except OSError as e:
        print(f'{SKIPPED}types of the package, since pyright does not start: {e}')
        return False
    if store:
        now = dict(sorted(Counter(name for name, _ in found).items()))
        TO_DO.write_text(json.dumps(now, indent=1) + '\n', encoding='utf-8')
    wrong = list(compared(found, json.loads(TO_DO.read_text(encoding='utf-8'))))
    for line in wrong:
        print(line)
    print(f'{len(found)} findings, {len(wrong)} lines about them')
    return any('fewer than' not in line for line in wrong)


if __name__ == '__main__':
    sys.exit(main())
