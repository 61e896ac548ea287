"""Build what is released and prove that it works: `python tools/dist.py` writes dist/.

The wheel is built from the sdist, so both are complete. Then, for fastcore 1 and 2, a new
environment gets the wheel and that fastcore; the other dependencies are read from this one's
site-packages, behind its own. Proven there: the wheel installs, every module and name imports,
every command answers, and the pretrained model paints a picture. Not proven: that pip finds the
dependencies by itself.
"""

import configparser
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from notebooks import ROOT

DIST, FASTCORE = ROOT / 'dist', ('fastcore>=1.14,<2', 'fastcore>=2')
IMPORTS = """import importlib, pkgutil, sys, fastcore, stylecfm

home = sys.argv[1]
assert stylecfm.__file__.startswith(home) and fastcore.__file__.startswith(home), (
    stylecfm.__file__,
    fastcore.__file__,
)
names = [
    m.name
    for m in pkgutil.walk_packages(stylecfm.__path__, 'stylecfm.')
    if m.name != 'stylecfm.starter'
]
for name in names:
    importlib.import_module(name)
for name in stylecfm.__all__:
    getattr(stylecfm, name)
from stylecfm.training.checkpoints import pretrained_model

from stylecfm.pipeline.files import student_folder

assert str(pretrained_model()).startswith(home), pretrained_model()
assert student_folder(pretrained_model()), 'the model has no student'
print(
    f'fastcore {fastcore.__version__}: {len(names)} modules, {len(stylecfm.__all__)} public names',
    end=', ',
)"""


def run(*command, cwd=None, quiet=True):
    "Run a program; its output where it fails, and the end."
    r = subprocess.run(list(map(str, command)), cwd=cwd, text=True, capture_output=quiet)
    if r.returncode:
        sys.exit(
            f'{" ".join(map(str, command))[:300]}\n'
            f'{(r.stdout or "")[-2000:]}{(r.stderr or "")[-3000:]}'
        )
    return r.stdout


def build():
    "An sdist, and a wheel from it."
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, '-m', 'build', '--no-isolation', '--outdir', DIST, cwd=ROOT)
    (wheel,) = DIST.glob('*.whl')
    return wheel


def commands():
    "The console commands, as settings.ini has them."
    config = configparser.ConfigParser(delimiters=['='], interpolation=None)
    config.read(ROOT / 'settings.ini', encoding='utf-8')
    return [row.partition('=')[0] for row in config['DEFAULT']['console_scripts'].split()]


def prove(wheel, fastcore, folder):
    "Everything that a user of the wheel does first, in an environment of its own."
    env = folder / 'env'
    run(sys.executable, '-m', 'venv', '--without-pip', env)
    windows = sys.platform == 'win32'
    python, scripts = (
        (env / 'Scripts' / 'python.exe', env / 'Scripts')
        if windows
        else (env / 'bin' / 'python', env / 'bin')
    )
    run(
        sys.executable,
        '-m',
        'pip',
        '--disable-pip-version-check',
        '--python',
        python,
        'install',
        '-q',
        '--no-deps',
        wheel,
        fastcore,
    )
    site = Path(run(python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))').strip())
    # its own .pth files are not read
    (site / 'others.pth').write_text(sysconfig.get_path('purelib') + '\n', encoding='utf-8')
    print(run(python, '-c', IMPORTS, site, cwd=folder), end='', flush=True)
    for name in commands():
        run(scripts / name, '--help', cwd=folder)
    print(f'{len(commands())} commands', end=', ', flush=True)
    run(
        python,
        '-c',
        "from skimage import data, io; io.imsave('cat.png', data.chelsea())",
        cwd=folder,
    )
    run(
        scripts / 'stylecfm_transfer',
        '--input',
        'cat.png',
        '--output',
        'painted.png',
        '--size',
        64,
        cwd=folder,
    )
    run(
        python,
        '-c',
        "from PIL import Image; assert min(Image.open('painted.png').size) == 64",
        cwd=folder,
    )
    print('a picture painted', flush=True)


def main():
    start = time.perf_counter()
    wheel = build()
    print(
        *(
            f'{f.relative_to(ROOT)}: {f.stat().st_size / 1e6:.1f} MB'
            for f in sorted(DIST.iterdir())
        ),
        sep='\n',
        flush=True,
    )
    for fastcore in FASTCORE:
        with tempfile.TemporaryDirectory() as d:
            prove(wheel, fastcore, Path(d))
    print(f'in {time.perf_counter() - start:.0f} s')


if __name__ == '__main__':
    main()
