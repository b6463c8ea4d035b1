/** The part of the install script that reads its arguments, behind `name` and `fail`. */
export const INSTALL_SCRIPT_ARGUMENTS = `
usage() {
  cat <<END
usage: install-$name.sh [--undo] [--root DIR] [--dry-run] [--force]

Installs files below DIR (/ unless told). What was there before is kept in
DIR/var/lib/$name-node-config.

  --undo     brings back what was there before
  --dry-run  says what would be done
  --force    overwrites also what others have changed since, and takes it that another file of
             registries.d has a scope of these
END
}

root=/
do=install_files
would=
force=
while [ $# -gt 0 ]; do
  case $1 in
    --root)
      [ $# -ge 2 ] || fail '--root needs a directory' 2
      root=$2
      shift
      ;;
    --root=*) root=\${1#--root=} ;;
    --undo) do=undo ;;
    --dry-run) would='would be ' ;;
    --force) force=yes ;;
    --help) usage && exit 0 ;;
    *) fail "unknown argument $1; see --help" 2 ;;
  esac
  shift
done

unset CDPATH
[ -d "$root" ] || fail "$root is not a directory" 2
root=$(cd -- "$root" && pwd -P)
root=\${root%/}
user=$(id -u)
if [ -z "$root$would" ] && [ "$user" != 0 ]; then fail 'only root can change /' 2; fi
umask 022
state=$root/var/lib/$name-node-config
`;
