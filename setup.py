"Packaging, read from settings.ini."
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).resolve().parent
config = ConfigParser(delimiters=['='])
config.read(here/'settings.ini', encoding='utf-8')
c = config['DEFAULT']
readme = here/'README.md'

setup(
    name=c['lib_name'], version=c['version'], description=c['description'], author=c['author'], url=c['git_url'], license='Apache-2.0',
    long_description=readme.read_text(encoding='utf-8') if readme.exists() else '', long_description_content_type='text/markdown',
    packages=find_packages(include=[c['lib_path'] + '*']), python_requires='>=' + c['min_python'], install_requires=c['requirements'].split(),
    extras_require={k: c[f'{k}_requirements'].split() for k in ('app', 'data', 'demo', 'dev', 'fid', 'lab', 'schedulefree', 'sinkhorn', 'tensorboard')},
    entry_points={'console_scripts': c['console_scripts'].split(), 'nbdev': [f"{c['lib_path']}={c['lib_path']}._modidx:d"]})
