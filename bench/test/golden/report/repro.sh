#!/bin/sh
# Repeats this run; with a cell's id as argument, that cell only:
#     sh repro.sh [CELL-ID]
# Canned run: every kind of cell
# Option guest-memory was set by site.conf:3: keep that file in place.
set -eu
if [ $# -gt 0 ]; then
	exec virtiofs-qual run --plan canned --seed 20261122 --time=5 '--stack=*-tr'\''x' --strict --cell "$1"
fi
exec virtiofs-qual run --plan canned --seed 20261122 --time=5 '--stack=*-tr'\''x' --strict
