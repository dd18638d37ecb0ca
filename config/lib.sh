# config/lib.sh - what build.sh, run.sh and test.sh share. Sourced, never run; POSIX sh.
# Needs $root, the top of the source tree, set by the script that sources it.

say() { printf '%s\n' "$*" >&2; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
say_more() { [ -z "${OROCHI_VERBOSE:-}" ] || say "$@"; }

# Where things live that are made once and outlast the build folder.
cache_dir() { printf '%s\n' "${OROCHI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}}/orochi"; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# quiet COMMAND...: its output is shown only if it fails.
quiet() {
    said=$(mktemp) || die "no temporary file could be made"
    "$@" >"$said" 2>&1
    quiet_code=$?
    [ "$quiet_code" -eq 0 ] || tail -n 40 "$said" >&2
    rm -f "$said"
    return "$quiet_code"
}

# Once in a run: a fresh machine has no lists, and an old one stale ones.
apt_update() {
    [ -z "${apt_lists_fresh:-}" ] || return 0
    quiet as_root apt-get -q -o DPkg::Lock::Timeout=300 update ||
        die "apt-get update failed (see above): is there a network?"
    apt_lists_fresh=1
}

# apt_install PACKAGE...
apt_install() {
    have apt-get || die "no apt-get here; install what these Debian packages bring, then run again: $*"
    [ "$(id -u)" -eq 0 ] || have sudo ||
        die "installing needs root, and there is no sudo here; as root, run: apt-get install --no-install-recommends $*"
    say "installing: $* ..."
    apt_update
    quiet as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install "$@" || die "apt-get could not install: $*"
}

# present CHECK: is it on this machine? CHECK is cmd:NAME (on the PATH), pc:NAME (pkg-config) or
# hdr:FILE (found by the compiler); several with | between them: any of them will do.
present() {
    old_ifs=$IFS
    IFS='|'
    for check in $1; do
        IFS=$old_ifs
        case $check in
        cmd:*) have "${check#cmd:}" && return 0 ;;
        pc:*) have pkg-config && pkg-config --exists "${check#pc:}" && return 0 ;;
        hdr:*) echo "#include <${check#hdr:}>" | cc -E - >/dev/null 2>&1 && return 0 ;;
        *) die "config/lib.sh: no such check: $check" ;;
        esac
        IFS='|'
    done
    IFS=$old_ifs
    return 1
}

# need: reads lines "CHECK PACKAGE what it is" and installs the packages of those not present.
need() {
    missing=
    while read -r check package what; do
        [ -n "$package" ] || continue
        present "$check" && continue
        say "missing: $what (Debian package $package)"
        missing="$missing $package"
    done
    # shellcheck disable=SC2086 # a list of packages
    [ -z "$missing" ] || apt_install $missing
}

need_to_build() {
    need <<'END'
cmd:cc              gcc                a C compiler
hdr:stdio.h         libc6-dev          the headers of the C library
cmd:pkg-config      pkg-config         pkg-config, which finds the libraries
cmd:meson           meson              meson, which plans the build
cmd:ninja           ninja-build        ninja, which runs it
pc:libwebsockets    libwebsockets-dev  libwebsockets, for websockets and HTTP
hdr:ev.h            libev-dev          libev, its event loop
pc:sqlite3          libsqlite3-dev     SQLite, where the state is kept
pc:libcrypto        libssl-dev         OpenSSL
pc:libcurl          libcurl4-openssl-dev  the headers of libcurl, for requests of procedures
END
}

need_to_test() {
    need <<'END'
pc:criterion                          libcriterion-dev  Criterion, the test runner for C
cmd:clang                             clang             clang, the second compiler
cmd:sqlite3                           sqlite3           the sqlite3 program, which reads a game's data in the tests
cmd:chromium|cmd:google-chrome        chromium          Chromium, for the tests of web pages
cmd:setarch                           util-linux        setarch
cmd:llvm-symbolizer                   llvm              llvm-symbolizer, which puts names into sanitizers' reports
END
    # clang's sanitizers are a package of their own, with clang's version in its name.
    if ! echo 'int main(void) { return 0; }' | clang -fsanitize=address -x c -o /dev/null - 2>/dev/null; then
        runtime=libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev
        say "missing: clang's sanitizers (Debian package $runtime)"
        apt_install "$runtime"
    fi
}

# node 18 is the oldest that vite 5 and the SpacetimeDB client run on, and what Debian 12 has.
need_node() {
    if ! have node || ! node -e 'process.exit(+process.versions.node.split(".")[0] >= 18 ? 0 : 1)' ||
        ! have npm; then
        say "missing: node 18 or newer with npm (Debian packages nodejs npm)"
        apt_install nodejs npm
        node -e 'process.exit(+process.versions.node.split(".")[0] >= 18 ? 0 : 1)' ||
            die "node is $(node --version), and 18 or newer is needed"
    fi
}

# npm_install DIR: node_modules as package-lock.json says, if it has changed since.
npm_install() {
    lock=$1/package-lock.json
    stamp=$1/node_modules/.orochi-installed
    [ -f "$stamp" ] && [ -z "$(find "$1/package.json" "$lock" -newer "$stamp" 2>/dev/null)" ] && return 0
    need_node
    say "npm packages for ${1#"$root"/} ..."
    # ci refuses a lock file without the optional packages of every platform, which a mirror may not have had;
    # install takes the versions of the lock file, and --no-save leaves that as it is.
    (cd "$1" && { npm ci --silent --no-audit --no-fund || quiet npm install --no-save --no-package-lock --no-audit --no-fund; }) \
        >&2 || return 1
    touch "$stamp"
}

# web_build DIR [SOURCE...]: DIR/dist from a Vite project, if anything it is made of is newer.
web_build() {
    dir=$1
    [ -f "$dir/package.json" ] || return 0
    npm_install "$dir" || return 1
    stamp=$dir/node_modules/.orochi-built
    if [ -d "$dir/dist" ] && [ -f "$stamp" ]; then
        newer=$(find "$@" \( -name node_modules -o -name dist \) -prune -o -type f -newer "$stamp" -print 2>/dev/null | head -n 1)
        [ -n "$newer" ] || return 0
        say_more "$newer is newer than the built pages"
    fi
    say "web pages of ${dir#"$root"/} ..."
    quiet npm --prefix "$dir" run --silent build || return 1
    touch "$stamp"
}

# meson_build DIR PYTHON OPTION...: configures DIR; again if the Python or an option is another than last time.
meson_build() {
    dir=$1
    python_option=-Dpython=$2
    shift 2
    wanted="$python_option $*"
    again=
    if [ -f "$dir/build.ninja" ]; then
        [ "$wanted" = "$(cat "$dir/.configured" 2>/dev/null)" ] && return 0
        again=--reconfigure
    fi
    # shellcheck disable=SC2086 # $again is an option or nothing
    quiet meson setup $again "$python_option" "$@" "$dir" "$root" ||
        { [ -n "$again" ] && quiet meson setup --wipe "$python_option" "$@" "$dir" "$root"; } ||
        die "meson could not configure ${dir#"$root"/}"
    printf '%s\n' "$wanted" >"$dir/.configured"
}

# The pages that the server serves. Bindings in them come from a module, so a module is a source too.
web_pages() {
    for pages in net/web examples/chat examples/arena examples/cards examples/empty; do
        web_build "$root/$pages" || return 1
    done
}

# The archive this machine installs from, and the key it trusts it by: asked of apt, so that mirrors
# and local copies are honoured. Prints a sources line for the suite $1.
source_line() {
    target=$(apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(SOURCESENTRY)' \
        'Created-By: Packages' 'Component: main' 2>/dev/null | grep '^Debian|' | grep -v -- '-security' | head -n 1)
    [ -n "$target" ] || return 1
    uri=${target#*|}
    entry=${uri#*|}
    uri=${uri%%|*}
    entry=${entry%:*}
    key=$(sed -n -e 's/^Signed-By: *\(\/[^ ]*\)$/\1/p' -e 's/^deb .*signed-by=\([^] ]*\).*/\1/p' "$entry" | head -n 1)
    [ -n "$key" ] || key=/usr/share/keyrings/debian-archive-keyring.gpg
    if [ -f "$key" ]; then
        echo "deb-src [signed-by=$key] $uri $1 main"
    else
        echo "deb-src $uri $1 main"
    fi
}

# debian_source PACKAGE SUITE FOLDER: downloads a source package into FOLDER. apt runs on lists and a cache
# of its own there, so the system's know nothing of the suite.
debian_source() {
    line=$(source_line "$2") || {
        say "apt knows no Debian archive to take the source of $1 from"
        return 1
    }
    mkdir -p "$3/lists/partial" "$3/cache/archives/partial" "$3/parts"
    echo "$line" >"$3/sources.list"
    cat >"$3/apt.conf" <<END
Dir::Etc::SourceList "$3/sources.list";
Dir::Etc::SourceParts "$3/parts";
Dir::State::Lists "$3/lists";
Dir::Cache "$3/cache";
APT::Sandbox::User "";
Debug::NoLocking "true";
END
    say "fetching the source of $1 ..."
    APT_CONFIG=$3/apt.conf apt-get -qq update >&2 || return 1
    (cd "$3" && APT_CONFIG=$3/apt.conf apt-get -qq source --download-only --only-source "$1" >&2)
}
