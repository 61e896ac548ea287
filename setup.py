"Packaging, read from settings.ini."

import sys
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).resolve().parent
config = ConfigParser(delimiters=['='])
config.read(here / 'settings.ini', encoding='utf-8')
c = config['DEFAULT']
readme = here / 'README.md'
editable = 'editable_wheel' in sys.argv
# The pretrained model and its student go into a wheel as folders of the package; an editable
# install reads checkpoints/ itself.
models = {
    'stylecfm.starter': 'checkpoints/painter',
    'stylecfm.starter.student': 'checkpoints/student',
}
models = {k: v for k, v in models.items() if (here / v).is_dir() and not editable}
# With this setuptools writes the folder's path. Its other way is a finder that Python asks last,
# after any folder named stylecfm in the working folder: the clone itself, seen from its parent.
folders = {'': '.'} if editable else {}
# Whoever works on the project gets a `quarto` for nbdev's commands; a wheel has none.
scripts = ['tools/quarto'] if editable else []
if not (here / 'checkpoints' / 'painter').is_dir():
    print('checkpoints/painter is missing: this build comes without a model', file=sys.stderr)

setup(
    name=c['lib_name'],
    version=c['version'],
    description=c['description'],
    author=c['author'],
    url=c['git_url'],
    license='Apache-2.0',
    long_description=readme.read_text(encoding='utf-8') if readme.exists() else '',
    long_description_content_type='text/markdown',
    packages=find_packages(include=[c['lib_path'] + '*']) + list(models),
    package_dir=folders | models,
    package_data={k: ['*', '*/*'] for k in models},
    python_requires='>=' + c['min_python'],
    install_requires=c['requirements'].split(),
    extras_require={
        k: c[f'{k}_requirements'].split()
        for k in (
            'app',
            'brain',
            'data',
            'demo',
            'dev',
            'docs',
            'fid',
            'heif',
            'lab',
            'onnx',
            'ros',
            'schedulefree',
            'sinkhorn',
            'tensorboard',
            'users',
            'video',
        )
    },
    scripts=scripts,
    entry_points={
        'console_scripts': c['console_scripts'].split(),
        'nbdev': [f"{c['lib_path']}={c['lib_path']}._modidx:d"],
    },
)
