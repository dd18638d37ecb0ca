"""Virtual environments: where one keeps its packages, and making these importable.

Imports nothing of this package: the server reads this file alone, before any interpreter has the package.
"""

import os
import sys

VERSION = f'python{sys.version_info[0]}.{sys.version_info[1]}'


def folders(path):
    """The folders with packages of the virtual environment at path, in order. ValueError says why it cannot be used."""
    path = os.path.abspath(path)
    if not os.path.isdir(path):
        raise ValueError(f'{path}: there is no such folder')
    settings = _settings(path)
    _check_version(path, settings)
    own = os.path.join(path, 'lib', VERSION, 'site-packages')
    if not os.path.isdir(own):
        raise ValueError(f'{path} has no folder lib/{VERSION}/site-packages: make it anew, with {VERSION} -m venv')
    found = [own]
    if settings.get('include-system-site-packages', '').lower() == 'true' and settings.get('home'):
        import site
        found += filter(os.path.isdir, site.getsitepackages([os.path.dirname(settings['home'])]))
    return found


def add(found):
    """Makes what lies in the folders importable in this interpreter, with what their .pth files name."""
    import site
    known = None
    for folder in found:
        known = site.addsitedir(folder, known)


def _settings(path):
    try:
        with open(os.path.join(path, 'pyvenv.cfg'), encoding='utf-8') as file:
            pairs = [line.split('=', 1) for line in file if '=' in line]
    except FileNotFoundError:
        raise ValueError(f'{path} is no virtual environment: it has no pyvenv.cfg ({VERSION} -m venv makes one)') from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f'{path}/pyvenv.cfg cannot be read: {error}') from None
    return {key.strip().lower(): value.strip() for key, value in pairs}


def _check_version(path, settings):
    """venv writes `version`, others `version_info`; both begin "3.13."."""
    version = settings.get('version') or settings.get('version_info') or ''
    parts = version.split('.')[:2]
    if version and parts != [str(n) for n in sys.version_info[:2]]:
        ours = '.'.join(str(n) for n in sys.version_info[:3])
        raise ValueError(f'{path} is of Python {".".join(parts)}, and this server runs CPython {ours}: '
                         f'make it anew, with {VERSION} -m venv')
