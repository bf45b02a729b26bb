#!/bin/sh
# Installs Debian packages (the arguments) as root, without letting the services they bring run: Weir starts its own
# servers on ports of its own and must not meet, or leave behind, the distribution's. A package that is installed
# already is left alone, with its service. Called by setup.mjs.
set -eu

marker='# Written by the set-up of Weir; removed when it is done.'
policy=/usr/sbin/policy-rc.d
wrote_policy=

# One set-up at a time: two would take each other's policy file away.
if command -v flock >/dev/null; then
  exec 9>/run/lock/weir-setup.lock
  flock -w 600 9 || { echo 'another set-up is still installing after 10 minutes' >&2; exit 1; }
fi

log=$(mktemp)
tidy_up() {
  [ -z "$wrote_policy" ] || rm -f "$policy"
  rm -f "$log"
}
trap tidy_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

installed() {
  dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

new=
for package in "$@"; do
  installed "$package" || new="$new $package"
done
[ -n "$new" ] || exit 0

# A killed set-up may have left its own file; anybody else's stays.
if [ -e "$policy" ] && grep -qxF "$marker" "$policy"; then rm -f "$policy"; fi
if [ ! -e "$policy" ]; then
  wrote_policy=yes
  printf '#!/bin/sh\n%s\nexit 101\n' "$marker" >"$policy"
  chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
quietly() {
  "$@" >"$log" 2>&1 </dev/null || { cat "$log" >&2; exit 1; }
}
quietly apt-get -o DPkg::Lock::Timeout=120 -qq update
# shellcheck disable=SC2086 # a list of words
quietly apt-get -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 -qq -y --no-install-recommends install $new

has_service() {
  [ -e "/etc/init.d/$1" ] || [ -e "/lib/systemd/system/$1.service" ]
}

# Not at the next boot either; and should somebody else's policy have let one start, stop it.
for package in $new; do
  has_service "$package" || continue
  update-rc.d "$package" disable >/dev/null 2>&1 || echo "could not disable the service $package" >&2
  if [ -d /run/systemd/system ]; then
    systemctl --quiet disable --now "$package.service" || echo "could not stop the service $package" >&2
  elif [ -z "$wrote_policy" ]; then
    invoke-rc.d "$package" stop >/dev/null 2>&1 || true
  fi
done
