#!/bin/sh
# config/packages.sh PYTHON FOLDER STAMP - puts the Python packages that the package orochi needs beside it, as pip does where the wheel is
# installed. They are pure Python, so any pip will do. What cannot be had keeps nobody from building: what needs it says so.
set -u
python=$1 folder=$2 stamp=$3
packages='cronsim==2.8' # of @scheduled(cron=...); pyproject.toml names it, too

get() {
    "$@" -m pip install -q --disable-pip-version-check --no-deps --only-binary :all: --upgrade --target "$folder" $packages >/dev/null 2>&1
}

if [ ! -d "$folder/cronsim" ] && ! get "$python" && ! get python3; then
    echo "config/packages.sh: $packages could not be installed by pip (is there a network?): cron= will not work" >&2
fi
: >"$stamp"
