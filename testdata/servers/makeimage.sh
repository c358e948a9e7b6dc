#!/bin/sh
# makeimage.sh NAME: makes a Docker image of this machine's mariadbd, where no
# image can be pulled, and imports it as NAME into the engine of DOCKER_HOST.
# Like the official images it takes the password of root@'%' from
# MARIADB_ROOT_PASSWORD and serves port 3306. Needs mariadbd, mariadb-install-db,
# ldd, tar and docker.
#
#   testdata/servers/makeimage.sh local/mariadb:test
#   cd cmd && MYSQL_POOL_TEST_IMAGE=local/mariadb:test go test -run Docker ./internal/servers
set -eu
name=${1:?usage: makeimage.sh NAME}
mariadbd=$(PATH=$PATH:/usr/sbin:/usr/libexec command -v mariadbd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# put copies programs and the libraries they load.
put() {
	for program; do
		{ echo "$program"; ldd "$program" | grep -o '/[^ ]*'; } | while read -r file; do
			mkdir -p "$root${file%/*}"
			cp -L "$file" "$root$file"
		done
	done
}
mkdir -p "$root/tmp" "$root/run" "$root/usr/share" "$root/etc" "$root/bin"
put "$mariadbd" "$(command -v cat)" "$(readlink -f /bin/sh)"
[ -e "$root/bin/sh" ] || cp -L "$(readlink -f /bin/sh)" "$root/bin/sh"
for share in /usr/share/mysql /usr/share/mariadb; do
	[ -d "$share" ] && cp -rL "$share" "$root/usr/share/"
done
echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$root/data" --skip-test-db \
	--auth-root-authentication-method=normal --skip-name-resolve --innodb-log-file-size=4M >/dev/null

cat >"$root/entrypoint" <<'SCRIPT'
#!/bin/sh
cat >/tmp/init.sql <<SQL
GRANT ALL ON *.* TO 'root'@'%' IDENTIFIED BY '$MARIADB_ROOT_PASSWORD' WITH GRANT OPTION;
SQL
exec MARIADBD --no-defaults --user=root --datadir=/data --socket=/run/mysqld.sock --port=3306 \
	--bind-address=0.0.0.0 --skip-name-resolve --init-file=/tmp/init.sql \
	--innodb-log-file-size=4M --innodb-buffer-pool-size=16M --performance-schema=0 "$@"
SCRIPT
sed -i "s|MARIADBD|$mariadbd|" "$root/entrypoint"
chmod +x "$root/entrypoint"
tar -C "$root" -c . | docker import --change 'ENTRYPOINT ["/entrypoint"]' --change 'EXPOSE 3306' - "$name"
