#!/bin/sh
# Written by lookaside node-config: which keys sign which images, and where signatures are.
# @PROGRAM@ --help says how to use it.
set -eu
export LC_ALL=C
name=@NAME@
registries=etc/containers/registries.d
# The scopes of these files, as other files there would have them.
sections=@SECTIONS@

# What a file shall hold.
content() {
  case $1 in
    # @FILES@
    *) return 1 ;;
  esac
}

# Below $state:
#   manifest   a line for each thing done, the newest first:
#                had PATH  a file that was there before, and is kept
#                new PATH  a file that was not there before
#                dir PATH  a directory that was not there before
#   kept/      what was there before
#   next/      what is about to be installed
#   installed/ what was installed, to tell what others have changed since

is_there() {
  [ -e "$1" ] || [ -L "$1" ]
}

same() {
  if [ -L "$1" ] || [ -L "$2" ]; then
    [ -L "$1" ] && [ -L "$2" ] && [ "$(readlink "$1")" = "$(readlink "$2")" ]
  else
    cmp -s "$1" "$2" 2>/dev/null
  fi
}

is_recorded() {
  [ -f "$state/manifest" ] && grep -qxF -e "had $1" -e "new $1" "$state/manifest"
}

# Whether a file is as it was installed, or as it was before.
is_ours() {
  same "$root/$1" "$state/installed/$1" || same "$root/$1" "$state/next/$1" ||
    same "$root/$1" "$state/kept/$1"
}

record() {
  { say "$1" && cat "$state/manifest"; } >"$state/manifest.new"
  mv -f "$state/manifest.new" "$state/manifest"
}

forget() {
  grep -vxF -e "$1" "$state/manifest" >"$state/manifest.new" || :
  mv -f "$state/manifest.new" "$state/manifest"
}

open_state() {
  [ ! -f "$state/manifest" ] || return 0
  made=
  for directory in var var/lib; do
    if [ ! -d "$root/$directory" ]; then
      mkdir "$root/$directory"
      made="dir $directory
$made"
    fi
  done
  mkdir -p "$state"
  chmod 700 "$state"
  printf '%s' "$made" >"$state/manifest.new"
  mv -f "$state/manifest.new" "$state/manifest"
}

keep() {
  if is_recorded "$1"; then return 0; fi
  if ! is_there "$root/$1"; then
    record "new $1"
    return 0
  fi
  mkdir -p "$(dirname "$state/kept/$1")"
  rm -f "$state/kept/$1"
  cp -pP "$root/$1" "$state/kept/$1"
  record "had $1"
}

say() {
  printf '%s\n' "$*"
}

# Tells what is done, or would be.
tell() {
  say "$would$1: $2"
}

fail() {
  printf 'install-%s.sh: %s\n' "$name" "$1" >&2
  exit "${2:-1}"
}

is_in_place() {
  [ ! -L "$root/$1" ] && content "$1" | cmp -s - "$root/$1" 2>/dev/null || return 1
  set -- "$root/$1" -prune -type f -perm 644
  [ "$user" != 0 ] || set -- "$@" -user 0 -group 0
  [ -n "$(find "$@")" ]
}

# Fails where a path may lead out of the root.
check_way() {
  case /$1/ in */../*) fail "$1 may lead out of $root/" ;; esac
  directory=$root
  below=$1
  while [ "${below#*/}" != "$below" ]; do
    directory=$directory/${below%%/*}
    below=${below#*/}
    if [ -n "$root" ] && [ -L "$directory" ]; then
      fail "$directory is a symbolic link, and may lead out of $root"
    fi
  done
}

# Fails where a file cannot be replaced.
check_place() {
  check_way "$1"
  if [ -e "$root/$1" ] && [ ! -f "$root/$1" ]; then fail "$root/$1 is not a file"; fi
}

# Fails where what an earlier run did lies on a way out of the root, before any of it is touched.
check_state() {
  check_place "${state#"$root/"}/manifest"
  if [ ! -f "$state/manifest" ]; then return 0; fi
  while IFS= read -r line; do
    path=${line#* }
    case $line in
      "dir "*) check_way "$path" ;;
      *) check_place "$path" ;;
    esac
  done <"$state/manifest"
}

# Fails where another file of registries.d has a scope of ours.
check_registries() {
  if [ -z "$sections" ] || [ -n "$force" ]; then return 0; fi
  for file in "$root/$registries"/*.yaml "$root/$registries"/.*.yaml; do
    path=$registries/${file##*/}
    if [ ! -f "$file" ] || content "$path" >/dev/null || is_recorded "$path"; then continue; fi
    if grep -qE -e "$sections" "$file"; then
      fail "$file has a scope of these files too, so nodes would fail every pull: remove the scope there"
    fi
  done
}

# Fails where others have changed a file, before anything is done.
check_changes() {
  if [ ! -f "$state/manifest" ] || [ -n "$force" ]; then return 0; fi
  changed=
  while IFS= read -r line; do
    path=${line#* }
    case $line in "dir "*) continue ;; esac
    if is_there "$root/$path" && ! is_ours "$path"; then changed="$changed $root/$path"; fi
  done <"$state/manifest"
  if [ -n "$changed" ]; then fail "changed by others since, left alone without --force:$changed"; fi
}

make_directories() {
  directory=
  below=$1
  while [ "${below#*/}" != "$below" ]; do
    directory=$directory${directory:+/}${below%%/*}
    below=${below#*/}
    if [ ! -d "$root/$directory" ]; then
      record "dir $directory"
      mkdir "$root/$directory"
    fi
  done
}

# Puts a copy in the place of a file, in one step.
replace() {
  rm -f "$2.$name-new"
  cp -pP "$1" "$2.$name-new"
  mv -f "$2.$name-new" "$2"
  if [ -z "$root" ] && command -v restorecon >/dev/null 2>&1; then restorecon "$2" || :; fi
}

# Ends what a run that was broken off had begun: it may have replaced the file, and not taken note.
settle() {
  rm -f "$root/$1.$name-new"
  if [ -f "$state/next/$1" ] && same "$root/$1" "$state/next/$1"; then
    mv -f "$state/next/$1" "$state/installed/$1"
  fi
}

install_file() {
  if [ -z "$would" ]; then settle "$1"; fi
  if is_in_place "$1"; then
    say "unchanged: $root/$1"
    return 0
  fi
  if is_there "$root/$1"; then tell replaced "$root/$1"; else tell created "$root/$1"; fi
  if [ -n "$would" ]; then return 0; fi
  open_state
  make_directories "$1"
  keep "$1"
  mkdir -p "$(dirname "$state/next/$1")" "$(dirname "$state/installed/$1")"
  content "$1" >"$state/next/$1"
  chmod 644 "$state/next/$1"
  if [ "$user" = 0 ]; then chown 0:0 "$state/next/$1"; fi
  replace "$state/next/$1" "$root/$1"
  mv -f "$state/next/$1" "$state/installed/$1"
}

# Brings back what was there before a line of the manifest.
restore() {
  case $1 in
    had)
      tell restored "$root/$2"
      if [ -z "$would" ]; then replace "$state/kept/$2" "$root/$2"; fi
      ;;
    new)
      tell removed "$root/$2"
      if [ -z "$would" ]; then rm -f "$root/$2" "$root/$2.$name-new"; fi
      ;;
    dir)
      if [ -n "$would" ]; then return 0; fi
      # The state may be below it.
      case $state in "$root/$2"/*) rm -rf "$state" ;; esac
      rmdir "$root/$2" 2>/dev/null || [ ! -d "$root/$2" ] || say "not empty, left: $root/$2"
      ;;
  esac
}

# Brings back what an earlier version of this script changed and this one does not.
retire() {
  if [ ! -f "$state/manifest" ]; then return 0; fi
  while IFS= read -r line; do
    path=${line#* }
    case $line in "had "* | "new "*) ;; *) continue ;; esac
    if content "$path" >/dev/null; then continue; fi
    restore "${line%% *}" "$path"
    if [ -z "$would" ]; then forget "$line"; fi
  done <<END
$(cat "$state/manifest")
END
}

install_files() {
  check_state
  for path in "$@"; do check_place "$path"; done
  check_changes
  check_registries
  for path in "$@"; do install_file "$path"; done
  retire
}

undo() {
  check_state
  if [ ! -f "$state/manifest" ]; then
    # A run that was broken off may have come no further than this directory.
    if [ -z "$would" ]; then rm -rf "$state"; fi
    say "nothing to undo below $root/"
    return 0
  fi
  check_changes
  while IFS= read -r line; do restore "${line%% *}" "${line#* }"; done <"$state/manifest"
  if [ -z "$would" ]; then rm -rf "$state"; fi
}

usage() {
  cat <<END
usage: install-$name.sh [--undo] [--root DIR] [--dry-run] [--force]

Installs files below DIR (/ unless told). What was there before is kept in
DIR/var/lib/$name-node-config.

  --undo     brings back what was there before
  --dry-run  says what would be done
  --force    overwrites also what others have changed since, and allows another file of
             registries.d to have one of these scopes
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
    --root=*) root=${1#--root=} ;;
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
root=${root%/}
user=$(id -u)
if [ -z "$root$would" ] && [ "$user" != 0 ]; then fail 'only root can change /' 2; fi
umask 022
state=$root/var/lib/$name-node-config

set -- @PATHS@
if [ "$do" = undo ]; then undo; else install_files "$@"; fi
if [ -z "$root$would" ]; then say 'CRI-O reads them after: systemctl reload crio'; fi
