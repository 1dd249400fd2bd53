# setup.sh - what tests/demo and tests/run share: packages and system users. Sourced by bash; TOP is the top folder of the tree.

BOX_USERS="podatelna-hub podatelna-store podatelna-token podatelna-partner podatelna-transport"

# say TEXT: a line to the person who waits.
say() {
	printf '%s\n' "$*"
}

# install_packages KIND...: installs the Debian packages of tests/packages that these kinds need and that are missing.
install_packages() {
	local name kind status missing=() wanted=" $* "
	while read -r name kind; do
		case "$name" in "" | \#*) continue ;; esac
		case "$wanted" in *" $kind "*) ;; *) continue ;; esac
		status=$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null) || status=
		[ "$status" = "install ok installed" ] || missing+=("$name")
	done <"$TOP/tests/packages"
	[ ${#missing[@]} -eq 0 ] && return 0
	if [ "$(id -u)" -ne 0 ]; then
		say "These packages are missing: ${missing[*]}"
		say "Install them as root: apt-get install --no-install-recommends ${missing[*]}"
		return 1
	fi
	say "Installing: ${missing[*]}"
	install_quietly "${missing[@]}"
}

# Services of packages are not started where no systemd runs (a container, a chroot): they would fail or disturb.
install_quietly() {
	local policy=/usr/sbin/policy-rc.d made=0 result=0
	if [ ! -d /run/systemd/system ] && [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && made=1
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq -o DPkg::Lock::Timeout=120 update </dev/null &&
		apt-get -qq -y -o DPkg::Lock::Timeout=120 --no-install-recommends install "$@" </dev/null >/dev/null || result=1
	[ $made -eq 1 ] && rm -f "$policy"
	[ $result -eq 0 ] || say "The packages could not be installed."
	return $result
}

# Each program of the box has a user of its own; the hub is in the group of the share. Without root all share one user.
make_users() {
	local user
	[ "$(id -u)" -eq 0 ] || return 0
	getent group podatelna >/dev/null || groupadd --system podatelna || return 1
	for user in $BOX_USERS; do
		getent passwd "$user" >/dev/null ||
			useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user" || return 1
	done
	id -nG podatelna-hub | tr ' ' '\n' | grep -qx podatelna || usermod -a -G podatelna podatelna-hub
}

# build DIR OPTION...: configures when needed and builds everything; the log is shown only when it fails.
build() {
	local directory=$1 log
	shift
	mkdir -p "$directory" || return 1
	log="$directory/build.log"
	if ! cmake -S "$TOP" -B "$directory" -G Ninja "$@" >"$log" 2>&1 </dev/null ||
		! cmake --build "$directory" >>"$log" 2>&1 </dev/null; then
		tail -n 60 "$log"
		say "The build in $directory failed (whole log: $log)."
		return 1
	fi
}
