# SPDX-License-Identifier: Apache-2.0
# common.sh - what the scripts of guest-image share. Sourced by bash; sets nothing but functions and two variables.

# Every time stamp in an image. A constant, so that two builds give the same bytes: 2024-01-01T00:00:00Z.
image_epoch=1704067200
# The identity of the erofs, for the same reason. Any fixed UUID would do.
# shellcheck disable=SC2034 # used by build
image_uuid=6f6d3a52-7669-4f71-8171-76697274696f

# die WHAT-FAILED [WHAT-TO-DO...]: one line per argument; status 3, because a tool or the environment failed.
die()
{
	printf '%s: %s\n' "${0##*/}" "$1" >&2
	shift
	[ $# -eq 0 ] || printf '  %s\n' "$@" >&2
	exit 3
}

# usage_error WHAT-IS-WRONG: status 2, as all programs of the project.
usage_error()
{
	printf '%s: %s\n  Try: %s --help\n' "${0##*/}" "$1" "$0" >&2
	exit 2
}

# print_help FILE: the comment at the head of a script is its manual.
print_help()
{
	sed -n '3,/^$/{/^#/s/^# \{0,1\}//p}' "$1"
}

# need_argument OPTION COUNT: COUNT is the number of words left on the command line, the option included.
need_argument()
{
	[ "$2" -ge 2 ] || usage_error "$1 needs an argument"
}

# need_tools TOOL=PACKAGE...
need_tools()
{
	local pair missing=()
	for pair; do
		command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
	done
	[ ${#missing[@]} -eq 0 ] || die "these Debian packages are missing: ${missing[*]}" \
		"Install them: apt-get install ${missing[*]}   (host-setup/apply installs all that the project needs)"
}

sha256_of()
{
	local sum
	sum=$(sha256sum -- "$1") || return
	printf '%s\n' "${sum%% *}"
}

# pack_cpio TREE FILE: an uncompressed newc archive whose bytes depend on names, modes and contents only.
# Decompression is slow under TCG, and the kernel reads the archive out of guest memory at no cost.
pack_cpio()
{
	find "$1" -exec touch -h -d "@$image_epoch" {} +
	(cd "$1" && find . -mindepth 1 -printf '%P\0' | LC_ALL=C sort -z |
		cpio --quiet --null --create --format=newc --reproducible --owner=+0:+0) >"$2"
}
