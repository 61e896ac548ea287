"""How fast this machine trains and evaluates, beside networks of other libraries.

`python tools/bench.py [--long]` prints a page and stores nbs/results/bench.json: on the processor
and, where there is one, on the GPU. As `stylecfm doctor --bench`, which stores nothing.
"""

import argparse

from notebooks import ROOT

from stylecfm.cli.advice import bench_devices, pages
from stylecfm.evaluation.metrics import keep_results


def main():
    p = argparse.ArgumentParser(description='Measure the speed of this machine.')
    p.add_argument('--long', action='store_true', help='larger networks, for some minutes')
    a = p.parse_args()
    found = bench_devices(a.long)
    command = 'tools/bench.py' + ' --long' * a.long
    keep_results(ROOT / 'nbs' / 'results' / 'bench.json', command, devices=found)
    print('\n\n'.join(pages(found)))


if __name__ == '__main__':
    main()
