"""Prints what is needed to embed the running interpreter, a line each: include folder, library folder,
library name, home (prefix), version. Fails with a reason when it cannot be embedded; with --extension, when
it cannot load an extension module of ours."""
import os
import sys
import sysconfig

if sys.version_info < (3, 13):
    sys.exit('CPython 3.13 or newer is needed, this is %d.%d' % sys.version_info[:2])
if sys.implementation.name != 'cpython' or sysconfig.get_config_var('Py_GIL_DISABLED'):
    sys.exit('an ordinary CPython is needed (not a free-threaded build)')
if '--extension' not in sys.argv and not sysconfig.get_config_var('Py_ENABLE_SHARED'):
    sys.exit('it was built without --enable-shared, so there is no libpython to link')
include = sysconfig.get_path('include')
if not os.path.exists(os.path.join(include, 'Python.h')):
    sys.exit('its headers are missing (Python.h): install its -dev package')
library = sysconfig.get_config_var('LDLIBRARY')
name = library.removeprefix('lib').split('.so')[0]
for value in (include, sysconfig.get_config_var('LIBDIR'), name, sys.base_prefix, sys.version.split()[0]):
    print(value)
