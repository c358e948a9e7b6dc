#!/bin/sh
# otherdebian.sh SUITE PACKAGE[,PACKAGE...] DIR: unpacks the server of another
# Debian release into DIR, so that tests can start it beside this machine's own.
# Prints the path of a program to name in MYSQL_POOL_TEST_MYSQLD. To a DIR that it
# made earlier it adds the packages that are missing. Needs root, debootstrap, and
# some 500 MB.
#
#   testdata/servers/otherdebian.sh trixie mariadb-server /opt/trixie                # MariaDB 11.8
#   testdata/servers/otherdebian.sh sid mysql-server-core,mysql-router /opt/sid      # MySQL 9.7 and MySQL Router
set -eu
[ $# = 3 ] || { echo "usage: otherdebian.sh SUITE PACKAGE DIR" >&2; exit 2; }
suite=$1 package=$2 dir=$3
[ "$(id -u)" = 0 ] || { echo "otherdebian.sh: must run as root, which debootstrap and chroot need" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "otherdebian.sh: no debootstrap: apt-get install debootstrap" >&2; exit 1; }

case $dir in *[!A-Za-z0-9/._-]*) echo "otherdebian.sh: want letters, digits and /._- in DIR, got $dir" >&2; exit 2 ;; esac
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
root=$dir/root bin=$dir/bin
if ! [ -e "$dir/done" ]; then
	rm -rf --one-file-system "$root" "$bin"
	echo "otherdebian.sh: unpacking $package of Debian $suite into $dir, which takes some minutes" >&2
	debootstrap --variant=minbase --include="$package" "$suite" "$root" >"$dir/log" 2>&1 ||
		{ echo "otherdebian.sh: debootstrap failed; its log is $dir/log and ends with:" >&2; tail -n 5 "$dir/log" >&2; exit 1; }
	: >"$dir/done"
fi
for name in $(echo "$package" | tr , ' '); do
	chroot "$root" dpkg-query --status "$name" >/dev/null 2>&1 && continue
	echo "otherdebian.sh: adding $name to $dir" >&2
	chroot "$root" sh -c 'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$1"' sh "$name" >>"$dir/log" 2>&1 ||
		{ echo "otherdebian.sh: apt-get failed; its log is $dir/log and ends with:" >&2; tail -n 5 "$dir/log" >&2; exit 1; }
done
# MySQL does not start without it, and only its larger package makes it.
mkdir -p "$root/var/lib/mysql-files" "$bin"
# The server gets this machine's /tmp, where its data is, in a mount of its
# own that ends with it. Its process id is the script's.
for program in /usr/sbin/mariadbd /usr/bin/mariadb-install-db /usr/sbin/mysqld /usr/bin/mysqlrouter /usr/bin/mysqlrouter_keyring; do
	[ -x "$root$program" ] && ! [ -e "$bin/${program##*/}" ] || continue
	cat >"$bin/new" <<-SCRIPT
		#!/bin/sh
		exec unshare --mount sh -c 'mount --bind /tmp "\$0/tmp" && exec chroot "\$0" "\$@"' "$root" $program "\$@"
	SCRIPT
	chmod +x "$bin/new"
	mv "$bin/new" "$bin/${program##*/}"
done
# It is a link to mariadbd in MariaDB's package.
[ ! -e "$bin/mariadbd" ] || rm -f "$bin/mysqld"
for program in "$bin/mariadbd" "$bin/mysqld"; do
	[ ! -e "$program" ] || { echo "$program"; exit 0; }
done
echo "otherdebian.sh: $package of Debian $suite has no mariadbd or mysqld" >&2
exit 1
