"""What must not pass for a success: no Chromium, and figures of a busy machine."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import start

TOOLS = Path(__file__).resolve().parent


class Chromium(unittest.TestCase):
    def without(self, *words):
        "Exit code and words of a tool where no program can be found."
        with tempfile.TemporaryDirectory() as d:
            r = subprocess.run(
                [sys.executable, *words],
                cwd=TOOLS,
                env=os.environ | dict(PATH=d),
                text=True,
                capture_output=True,
            )
        return r.returncode, r.stdout.partition(' (')[0]

    def test_missing_is_told(self):
        for tool in ('chromium.py', 'site_check.py', 'browser.py'):
            self.assertEqual(self.without(tool), (3, 'skipped: no Chromium'), tool)
            self.assertEqual(self.without(tool, '--may-skip'), (0, 'skipped: no Chromium'), tool)


class Start(unittest.TestCase):
    def test_a_busy_machine_stores_nothing(self):
        for load, force, ends in ((1.9, False, False), (2.1, False, True), (2.1, True, False)):
            with (
                mock.patch.object(
                    os, 'getloadavg', lambda load=load: (load, 0.0, 0.0), create=True
                ),
                mock.patch.object(os, 'sched_getaffinity', lambda _: {0, 1}, create=True),
            ):
                if ends:
                    self.assertRaisesRegex(SystemExit, 'not stored', start.quiet, force)
                else:
                    start.quiet(force)

    def test_a_system_that_tells_no_load(self):
        with mock.patch.object(os, 'getloadavg', create=True):
            del os.getloadavg
            start.quiet(False)

    def test_time_of_a_process(self):
        if not start.resource:
            self.skipTest('this system tells the clock alone')
        clock, work = start.seconds([sys.executable, '-c', 'sum(range(3_000_000))'], TOOLS)
        self.assertGreater(work, 0.01)
        self.assertLess(work, clock + 0.05)

    def test_bytecode_is_kept_between_rounds(self):
        with (
            tempfile.TemporaryDirectory() as d,
            mock.patch.dict(os.environ, PYTHONDONTWRITEBYTECODE='1'),
        ):
            (Path(d) / 'made_up.py').write_text('')
            env = start.keeping_bytecode(Path(d) / 'bytecode')
            start.seconds([sys.executable, '-c', 'import made_up'], d, env=env)
            found = [p.name for p in Path(d, 'bytecode').rglob('made_up.*.pyc')]
            self.assertEqual((len(found), Path(d, '__pycache__').exists()), (1, False))


if __name__ == '__main__':
    unittest.main()
