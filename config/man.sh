#!/bin/sh
# config/man.sh PROGRAM FOLDER - manual pages of the commands, made by the program itself (`orochi man`), into FOLDER of what is
# being installed. `meson install` calls it.
set -eu
out=${MESON_INSTALL_DESTDIR_PREFIX:-${DESTDIR:-}/usr/local}/$2
"$1" man --out "$out" >/dev/null
