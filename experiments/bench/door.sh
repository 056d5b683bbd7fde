#!/usr/bin/env bash
# A newcomer's first minutes, timed: install, a picture of a preset, trained digits, the first answer of a served export.
#
#     bash experiments/bench/door.sh [KEEP] 2>&1 | tee log.txt      # KEEP: a folder to copy the run and the export to
#
# Everything after the installation runs without network where `unshare -n` works (as root on Linux).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

say() { echo "== $(( $(date +%s) - began )) s: $*"; }

began=$(date +%s)
python3 -m venv venv
mkdir source
git -C "$root" archive HEAD | tar -x -C source
venv/bin/pip install -q "./source[serving]"
say "installed, $(du -sh venv | cut -f1)"

first_minutes() {
    began=$(date +%s)
    venv/bin/kgan sample mnist
    say "first picture"
    venv/bin/kgan train --model=dcgan_fast --dataset=digits --workdir=runs/digits
    say "trained digits"
    venv/bin/kgan export runs/digits export/digits > export.txt
    say "exported"
    venv/bin/kgan serve export/digits > server.txt 2>&1 &
    until venv/bin/python export/digits/1/check.py http://localhost:8501 > check.txt; do sleep 0.5; done 2> /dev/null
    tail -n 1 check.txt
    say "answered"
    kill %1
}
export -f first_minutes say
if unshare -n true 2> /dev/null; then
    echo "== without network, from installed on"
    unshare -n bash -c 'ip link set lo up; set -e; first_minutes'
else
    echo "== with network"
    first_minutes
fi
[ $# -eq 0 ] || { mkdir -p "$1" && cp -r runs export "$1"; }
