#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Shared functions of host-setup/ and guest-image/. Source it; it changes nothing by itself.
#
# Functions that return a value print it on stdout and nothing else there; messages of theirs go to stderr.
# Environment:
#   VQ_BUILD      build folder (default: build/ of the checkout)
#   VQ_STATE_DIR  where apply records what it installed (default: /var/lib/virtiofs-qual)
#   VQ_MIRROR     base URL of a Debian mirror, instead of the one of the system's apt configuration
#   VQ_KEYRING    keyring with Debian's archive keys
#   VQ_ACCEPT_EXPIRED  1: accept package lists of a mirror that stands still beyond their Valid-Until date. Signatures are
#                 verified all the same, but an attacker could then serve old packages with known faults.
#   VQ_ROOTS_TABLE  another roots.tsv (used by the tests)
#   VQ_APT_ETC    read apt's sources from this folder instead of the system's (used by the tests)

vq_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
VQ_TOP=$(dirname "$vq_here")
VQ_BUILD=${VQ_BUILD:-$VQ_TOP/build}
VQ_ROOTS_TABLE=${VQ_ROOTS_TABLE:-$vq_here/roots.tsv}
VQ_STATE_DIR=${VQ_STATE_DIR:-/var/lib/virtiofs-qual}
# Package lists younger than this are used without asking the mirror again.
VQ_LISTS_MAX_AGE_S=86400

# Output that is parsed here must not depend on the user's language.
export LC_ALL=C.UTF-8

say() { printf '%s\n' "$*"; }
progress() { printf '%s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }

# die WHAT [COMMAND [LOG [TODO]]]: one form for all errors; "-" or empty leaves a line out.
die() {
	printf 'error: %s\n' "$1" >&2
	[ -z "${2:-}" ] || [ "${2:-}" = - ] || printf '  command: %s\n' "$2" >&2
	[ -z "${3:-}" ] || [ "${3:-}" = - ] || printf '  log:     %s\n' "$3" >&2
	[ -z "${4:-}" ] || [ "${4:-}" = - ] || printf '  to do:   %s\n' "$4" >&2
	exit 1
}

# usage_error PROGRAM WHAT: exit status 2, as all programs of the project.
usage_error() {
	printf 'error: %s: %s\n' "$1" "$2" >&2
	printf '  to do:   see %s --help\n' "$1" >&2
	exit 2
}

# usage_text FILE: the comment at the top of a script is its manual.
usage_text() { awk 'NR > 3 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$1"; }

# quote ARG...: a command line that can be pasted into a shell.
quote() {
	local text
	printf -v text '%q ' "$@"
	printf '%s\n' "${text% }"
}

# run_logged LOG WHAT TODO COMMAND...: the log is kept; its last lines are shown when the command fails.
run_logged() {
	local log=$1 what=$2 todo=$3 status=0
	shift 3
	mkdir -p "$(dirname "$log")"
	quote "$@" >>"$log"
	"$@" >>"$log" 2>&1 </dev/null || status=$?
	[ "$status" -ne 0 ] || return 0
	tail -n 5 "$log" | sed 's/^/  | /' >&2
	die "$what (exit status $status)" "$(quote "$@")" "$log" "$todo"
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# json_string TEXT: a JSON string with its quotes. Control characters cannot be meant and are dropped.
json_string() {
	local text=$1
	text=${text//\\/\\\\}
	text=${text//\"/\\\"}
	text=${text//$'\n'/\\n}
	text=${text//$'\t'/\\t}
	text=${text//[$'\001'-$'\037']/}
	printf '"%s"' "$text"
}

# table_rows FILE: the rows of a .tsv without comments and empty lines.
table_rows() { awk '!/^#/ && NF' "$1"; }

# root_is_optional NAME: may a stack root be absent?
root_is_optional() { table_rows "$VQ_ROOTS_TABLE" | awk -F '\t' -v name="$1" '$1 == name { need = $2 } END { exit need != "optional" }'; }

# make_writable_dir DIR: create it, or say why it cannot be used.
make_writable_dir() {
	mkdir -p "$1" 2>/dev/null && [ -w "$1" ] && return 0
	die "cannot write to $1" - - "use the user who made it, or set VQ_BUILD to a folder of your own"
}

# replace_dir NEW OLD: put NEW in the place of OLD. A reader sees the old or the new folder, never a mixture; a kill
# in between leaves OLD.old, which the next call removes.
replace_dir() {
	rm -rf --one-file-system "$2.old"
	if [ -e "$2" ]; then
		mv -T "$2" "$2.old"
	fi
	mv -T "$1" "$2"
	rm -rf --one-file-system "$2.old"
}

# replace_file FILE: stdin becomes FILE at once.
replace_file() {
	cat >"$1.part"
	mv -T "$1.part" "$1"
}

# --- where packages come from ------------------------------------------------------------------------------------

# apt_source_files: the files in which apt looks for its sources.
apt_source_files() {
	local list parts file
	if [ -n "${VQ_APT_ETC:-}" ]; then
		list=$VQ_APT_ETC/sources.list parts=$VQ_APT_ETC/sources.list.d
	else
		list=/etc/apt/sources.list parts=/etc/apt/sources.list.d
		eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d 2>/dev/null)" || true
	fi
	for file in "$list" "${parts%/}"/*.list "${parts%/}"/*.sources; do
		if [ -f "$file" ] && [ -r "$file" ]; then
			printf '%s\n' "$file"
		fi
	done
}

# One-line format: deb [option=value ...] URI SUITE COMPONENT...
parse_one_line() {
	awk '
		$1 != "deb" { next }
		{
			sub(/#.*/, "")
			signed = "-"
			options = ""
			if (match($0, /\[[^]]*\]/)) {
				# A "[" behind the URI scheme belongs to a cdrom name, not to the options.
				if ($2 ~ /^\[/) {
					options = substr($0, RSTART + 1, RLENGTH - 2)
					$0 = "deb " substr($0, RSTART + RLENGTH)
				}
			}
			n = split(options, option, /[ \t]+/)
			for (i = 1; i <= n; i++)
				if (option[i] ~ /^[Ss]igned-[Bb]y=/) { signed = option[i]; sub(/^[^=]*=/, "", signed) }
			components = ""
			for (i = 4; i <= NF; i++) components = components (i > 4 ? " " : "") $i
			if (NF >= 3) printf "%s\t%s\t%s\t%s\n", $2, $3, components == "" ? "-" : components, signed
		}' "$1"
}

# deb822 format: paragraphs of "Field: value"; lines that begin with a blank go on; names ignore case.
parse_deb822() {
	awk '
		function flush_paragraph(    u, s, nu, ns, i, k, uris, suites, signed) {
			if ((" " field["types"] " ") ~ / deb / && tolower(field["enabled"]) !~ /^(no|false|0|off|disable|without)$/) {
				nu = split(field["uris"], uris, " ")
				ns = split(field["suites"], suites, " ")
				signed = field["signed-by"]
				# A key written into the file itself has no name to judge by.
				if (signed ~ /BEGIN PGP/) signed = "(inline key)"
				if (signed == "") signed = "-"
				for (i = 1; i <= nu; i++)
					for (k = 1; k <= ns; k++)
						printf "%s\t%s\t%s\t%s\n", uris[i], suites[k], field["components"] == "" ? "-" : field["components"], signed
			}
			for (i in field) delete field[i]
			name = ""
		}
		/^#/ { next }
		/^[ \t]*$/ { flush_paragraph(); next }
		/^[ \t]/ {
			value = $0
			gsub(/^[ \t]+|[ \t]+$/, "", value)
			if (name != "") field[name] = field[name] (field[name] == "" ? "" : " ") value
			next
		}
		{
			colon = index($0, ":")
			if (!colon) next
			name = tolower(substr($0, 1, colon - 1))
			value = substr($0, colon + 1)
			gsub(/^[ \t]+|[ \t]+$/, "", value)
			gsub(/[ \t]+/, " ", value)
			field[name] = value
		}
		END { flush_paragraph() }' "$1"
}

# apt_entries: "URI suite components signed-by", tab separated, one row for each enabled binary source.
apt_entries() {
	local file
	while IFS= read -r file; do
		case $file in
		*.sources) parse_deb822 "$file" ;;
		*) parse_one_line "$file" ;;
		esac
	done < <(apt_source_files) | awk -F '\t' -v OFS='\t' '$1 !~ /^cdrom:/ { sub(/\/+$/, "", $1); print }'
}

# apt_origins: "URI origin" of the repositories whose lists apt already holds. This is the truth, where it exists.
apt_origins() {
	# The tests judge canned files, of which this system holds no lists.
	[ -z "${VQ_APT_ETC:-}" ] || return 0
	# shellcheck disable=SC2016 # apt replaces $(...), not the shell
	apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null |
		awk 'NF >= 2 { sub(/\/+$/, "", $1); print $1 "\t" $2 }' | sort -u || true
}

# debian_entries: those rows of apt_entries that are Debian's own archive, surest first. Vendors use Debian's suite
# names, and some end their path in /debian, so one sign alone is not enough. (Whatever is chosen here: packages are
# only accepted if Debian's keyring verifies them.)
debian_entries() {
	awk -F '\t' '
		function is_debian_suite(s) {
			sub(/\/updates$/, "", s)
			sub(/-(updates|security|backports|backports-sloppy|proposed-updates)$/, "", s)
			return s ~ /^(bullseye|bookworm|trixie|forky|duke|sid|oldoldstable|oldstable|stable|testing|unstable)$/
		}
		function is_debian_path(u) {
			return u ~ /\/debian(-security)?$/ || u ~ /\/archive\/debian(-security)?\/[0-9TZ]+$/ || u ~ /\/debian(-security)?\.list$/
		}
		phase == 1 { origin[$1] = $2; next }
		!is_debian_suite($2) || (" " $3 " ") !~ / main / { next }
		($1 in origin) {
			if (origin[$1] == "Debian") rank[1] = rank[1] $1 "\t" $2 "\n"
			next
		}
		$4 ~ /debian-archive/ { rank[1] = rank[1] $1 "\t" $2 "\n"; next }
		$4 == "-" && is_debian_path($1) { rank[2] = rank[2] $1 "\t" $2 "\n"; next }
		$4 == "(inline key)" && is_debian_path($1) { rank[3] = rank[3] $1 "\t" $2 "\n" }
		END { printf "%s%s%s", rank[1], rank[2], rank[3] }' \
		phase=1 <(apt_origins) phase=2 <(apt_entries)
}

# vq_has_suite SUITE: does the system's apt configuration name this Debian suite?
vq_has_suite() {
	debian_entries | awk -F '\t' -v suite="$1" '$2 == suite { found = 1 } END { exit !found }'
}

# vq_mirror SUITE: base URLs for a Debian suite, best first. The suite itself where apt's configuration names it;
# otherwise the mirror of the other suites of its kind, because all of them live in one archive.
vq_mirror() {
	local suite=$1 found
	if [ -n "${VQ_MIRROR:-}" ]; then
		printf '%s\n' "${VQ_MIRROR%/}"
		return 0
	fi
	found=$(debian_entries | awk -F '\t' -v suite="$suite" '
		function is_security(s) { return s ~ /-security$|\/updates$/ }
		$2 == suite { exact = exact $1 "\n" }
		is_security($2) == is_security(suite) { same = same $1 "\n" }
		END { printf "%s", exact != "" ? exact : same }' | awk '!seen[$0]++')
	[ -n "$found" ] || return 1
	printf '%s\n' "$found"
}

# vq_keyring: the keys with which every package is verified.
vq_keyring() {
	local file
	for file in ${VQ_KEYRING:+"$VQ_KEYRING"} /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
		if [ -s "$file" ]; then
			printf '%s\n' "$file"
			return 0
		fi
	done
	return 1
}

# vq_apt_options: how this system reaches its mirrors (proxy, retries, time limits), one apt.conf statement per line.
# Nothing that weakens verification of signatures is passed on.
vq_apt_options() {
	apt-config dump --no-empty 2>/dev/null | grep -E \
		-e '^Acquire::(http|https|ftp|tor|tor\+http|tor\+https)::' \
		-e '^Acquire::(Retries|Check-Valid-Until|Check-Date|Max-ValidTime|Min-ValidTime|ForceIPv4|ForceIPv6|Queue-Mode|By-Hash|PDiffs|ProxyAutoDetect|Proxy-Auto-Detect|Max-FutureTime)[ :]' |
		grep -Eiv -e 'Allow(Insecure|Weak|Downgrade)' -e '::Verify-(Peer|Host)' || true
}

# vq_sources SUITE...: lines for a sources.list of these suites. "SUITE?" is left out if apt's configuration lacks it.
vq_sources() {
	local suite mirror keyring
	keyring=$(vq_keyring) || die "Debian's keyring was not found" - - "apt-get install debian-archive-keyring, or set VQ_KEYRING"
	for suite; do
		if [ "${suite%\?}" != "$suite" ]; then
			suite=${suite%\?}
			if [ -n "${VQ_MIRROR:-}" ] || ! vq_has_suite "$suite"; then
				continue
			fi
		fi
		# All of them, read to the end: "head" would close the pipe under awk.
		mirror=$(vq_mirror "$suite") || die "no Debian mirror for suite $suite in the apt configuration" "vq_mirror $suite" - \
			"configure a Debian mirror for apt, or set VQ_MIRROR to the base URL of one"
		printf 'deb [arch=amd64 signed-by=%s] %s %s main\n' "$keyring" "${mirror%%$'\n'*}" "$suite"
	done
}

# --- a private apt: own lists, own empty package state, no root rights, nothing shared with the system -------------

vq_apt_dir() { printf '%s\n' "$VQ_BUILD/apt/$1"; }

# vq_apt NAME COMMAND ARG...: run an apt program on the private apt NAME.
vq_apt() {
	local dir
	dir=$(vq_apt_dir "$1")
	shift
	APT_CONFIG=$dir/apt.conf "$@"
}

# write_apt_conf DIR DEFAULT_RELEASE
write_apt_conf() {
	local dir=$1 release=$2
	cat <<-END
		Dir "$dir/";
		Dir::Etc "$dir/etc/";
		Dir::Etc::sourcelist "$dir/etc/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::main "/dev/null";
		Dir::Etc::parts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::Etc::trusted "/dev/null";
		Dir::Etc::trustedparts "/dev/null";
		Dir::Etc::netrc "/etc/apt/auth.conf";
		Dir::Etc::netrcparts "/etc/apt/auth.conf.d/";
		Dir::State "$dir/state/";
		Dir::State::lists "$dir/lists/";
		Dir::State::status "$dir/state/status";
		Dir::Cache "$dir/cache/";
		Dir::Cache::archives "$dir/archives/";
		Dir::Log "$dir/log/";
		APT::Architecture "amd64";
		APT::Architectures { "amd64"; };
		APT::Install-Recommends "false";
		APT::Install-Suggests "false";
		Acquire::Languages "none";
		Acquire::AllowInsecureRepositories "false";
		APT::Get::AllowUnauthenticated "false";
	END
	[ "$release" = - ] || printf 'APT::Default-Release "%s";\n' "$release"
	vq_apt_options
	[ "${VQ_ACCEPT_EXPIRED:-}" != 1 ] || printf 'Acquire::Check-Valid-Until "false";\n'
	# As root apt downloads as user _apt; where that user cannot reach the folder (a checkout below /root), it cannot.
	if is_root && ! setpriv --reuid=_apt --regid=nogroup --clear-groups test -x "$dir/lists" 2>/dev/null; then
		printf 'APT::Sandbox::User "root";\n'
	fi
}

# vq_apt_prepare NAME DEFAULT_RELEASE|- SUITE...: make or refresh the private apt NAME (held under its lock by callers).
vq_apt_prepare() {
	local name=$1 release=$2 dir new age
	shift 2
	dir=$(vq_apt_dir "$name")
	make_writable_dir "$dir"
	mkdir -p "$dir"/{etc,state,cache,log} "$dir"/lists/partial "$dir"/archives/partial
	: >>"$dir/state/status"
	# Written anew each time: proxy and mirror of the system may have changed. Their URLs may hold a password.
	new=$(vq_sources "$@")
	write_apt_conf "$dir" "$release" | (umask 077 && replace_file "$dir/apt.conf")
	age=$(($(date +%s) - $(stat -c %Y "$dir/updated" 2>/dev/null || echo 0)))
	if [ -f "$dir/updated" ] && [ "$new" = "$(cat "$dir/etc/sources.list" 2>/dev/null)" ] && [ "$age" -lt "$VQ_LISTS_MAX_AGE_S" ]; then
		return 0
	fi
	printf '%s\n' "$new" | (umask 077 && replace_file "$dir/etc/sources.list")
	vq_apt_update "$name"
}

vq_apt_update() {
	local dir log=$VQ_BUILD/log/apt-$1.log todo
	dir=$(vq_apt_dir "$1")
	rm -f "$dir/updated"
	mkdir -p "$VQ_BUILD/log"
	progress "$1: fetching package lists"
	if vq_apt "$1" apt-get update --error-on=any >"$log" 2>&1 </dev/null; then
		: >"$dir/updated"
		return 0
	fi
	grep '^[EW]: ' "$log" | tail -n 5 | sed 's/^/  | /' >&2
	todo="check the network, the mirror and the proxy of the apt configuration; VQ_MIRROR names another mirror"
	if grep -q 'is expired' "$log"; then
		todo="check this host's clock; the mirror stands still: name another one in VQ_MIRROR, or, if you trust this one, set VQ_ACCEPT_EXPIRED=1"
	fi
	die "package lists of $1 could not be fetched or verified" "APT_CONFIG=$dir/apt.conf apt-get update --error-on=any" "$log" "$todo"
}

# with_apt_lock NAME COMMAND...: one user of a private apt at a time.
with_apt_lock() {
	local name=$1
	shift
	make_writable_dir "$VQ_BUILD/apt"
	(
		flock 8
		"$@"
	) 8>"$VQ_BUILD/apt/$name.lock"
}

# deb_hashes NAME PACKAGE[=VERSION]...: "sha256  file" of the .deb files, from lists whose signature was verified.
deb_hashes() {
	local name=$1
	shift
	vq_apt "$name" apt-cache show --no-all-versions "$@" | awk '
		# apt writes "_" and ":" of a version as %5f and %3a in a file name.
		function end_of_record() {
			gsub(/_/, "%5f", version)
			gsub(/:/, "%3a", version)
			if (hash != "") print hash "  " package "_" version "_" arch ".deb"
			hash = ""
		}
		/^Package: / { package = $2 }
		/^Version: / { version = $2 }
		/^Architecture: / { arch = $2 }
		/^SHA256: / { hash = $2 }
		/^$/ { end_of_record() }
		END { end_of_record() }' | sort -u
}

# drop_bad_debs DIR HASHES: apt believes a cached file if its size is right, so a damaged one would stay for ever.
drop_bad_debs() {
	local bad
	while IFS= read -r bad; do
		progress "damaged, fetching it again: ${bad##*/}"
		rm -f -- "$1/$bad"
	done < <(cd "$1" && sha256sum --check --quiet --ignore-missing "$2" 2>/dev/null | sed -n 's/: FAILED.*//p')
}

# all_debs_good DIR HASHES
all_debs_good() { [ -s "$2" ] && (cd "$1" && sha256sum --check --status --strict "$2" 2>/dev/null); }

download_debs_locked() {
	local suite=$1 target=$2 log=$VQ_BUILD/log/download-$1.log hashes try
	shift 2
	hashes=$(vq_apt_dir "$suite")/hashes
	vq_apt_prepare "$suite" - "$suite"
	for try in 1 2; do
		if deb_hashes "$suite" "$@" >"$hashes" 2>>"$log" && [ "$(wc -l <"$hashes")" -eq $# ]; then
			drop_bad_debs "$target" "$hashes"
			all_debs_good "$target" "$hashes" && return 0
			# The target need not be reachable for user _apt.
			if (cd "$target" && vq_apt "$suite" apt-get -q -o APT::Sandbox::User=root download "$@") >>"$log" 2>&1 &&
				all_debs_good "$target" "$hashes"; then
				return 0
			fi
		fi
		# A mirror moves on under lists of yesterday: fetch them again, once.
		[ "$try" -eq 2 ] || vq_apt_update "$suite"
	done
	tail -n 5 "$log" | sed 's/^/  | /' >&2
	die "packages of $suite could not be downloaded: $*" "apt-get download $(quote "$@")" "$log" \
		"check that the suite still has these packages, and the network"
}

# vq_download_debs SUITE DIR PACKAGE...: the .deb files of these packages, without their dependencies, verified, into
# DIR. Needs no root rights. Files that are already there and right are not fetched again.
vq_download_debs() {
	local suite=$1 target=$2
	shift 2
	mkdir -p "$target" "$VQ_BUILD/log"
	with_apt_lock "$suite" download_debs_locked "$suite" "$(cd "$target" && pwd)" "$@"
}

# vq_resolve_dep SUITE PACKAGE REGEX: the dependency of a metapackage whose whole name matches the extended REGEX.
vq_resolve_dep() {
	local suite=$1 package=$2 regex=$3 name
	with_apt_lock "$suite" vq_apt_prepare "$suite" - "$suite"
	name=$(vq_apt "$suite" apt-cache depends --no-recommends --no-suggests "$package" 2>/dev/null |
		awk -v regex="^($regex)\$" '/^ *\|?(Pre)?Depends: / { sub(/^[^:]*: */, ""); if ($0 ~ regex && !found) { print; found = 1 } }')
	[ -n "$name" ] || die "$package of $suite has no dependency that matches $regex" "apt-cache depends $package" - \
		"look at the dependencies of $package in $suite"
	printf '%s\n' "$name"
}

# --- packages of the host -----------------------------------------------------------------------------------------

# wanted_packages LETTERS: packages.tsv rows needed for any of these uses.
wanted_packages() {
	table_rows "$vq_here/packages.tsv" | awk -F '\t' -v letters="$1" '$2 ~ "[" letters "]" { print $1 }'
}

# missing_packages PACKAGE...: those that are not installed, in order.
missing_packages() {
	# dpkg-query fails for names it has never heard of, which is one of the answers.
	{ dpkg-query -W -f='${db:Status-Status}\t${Package}\n' "$@" 2>/dev/null || true; } |
		awk -F '\t' -v wanted="$*" '
			$1 == "installed" { have[$2] = 1 }
			END { n = split(wanted, name, " "); for (i = 1; i <= n; i++) if (!(name[i] in have)) print name[i] }'
}
