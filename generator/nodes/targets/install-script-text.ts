// The part of the install script that is the same for all files, between what they hold and which
// they are. It guarantees: nothing is changed before it was kept; a file is replaced whole or not
// at all; a run that was broken off can be run again, or undone.

export const INSTALL_SCRIPT_BODY = `
say() {
  printf '%s\\n' "$*"
}

# Tells what is done, or would be.
tell() {
  say "$would$1: $2"
}

fail() {
  printf 'install-%s.sh: %s\\n' "$name" "$1" >&2
  exit "\${2:-1}"
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
  while [ "\${below#*/}" != "$below" ]; do
    directory=$directory/\${below%%/*}
    below=\${below#*/}
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
  check_place "\${state#"$root/"}/manifest"
  if [ ! -f "$state/manifest" ]; then return 0; fi
  while IFS= read -r line; do
    path=\${line#* }
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
    path=$registries/\${file##*/}
    if [ ! -f "$file" ] || content "$path" >/dev/null || is_recorded "$path"; then continue; fi
    if grep -qE -e "$sections" "$file"; then
      fail "$file has a scope of these files too, so nodes would fail every pull: take it out there"
    fi
  done
}

# Fails where others have changed a file, before anything is done.
check_changes() {
  if [ ! -f "$state/manifest" ] || [ -n "$force" ]; then return 0; fi
  changed=
  while IFS= read -r line; do
    path=\${line#* }
    case $line in "dir "*) continue ;; esac
    if is_there "$root/$path" && ! is_ours "$path"; then changed="$changed $root/$path"; fi
  done <"$state/manifest"
  if [ -n "$changed" ]; then fail "changed by others since, left alone without --force:$changed"; fi
}

make_directories() {
  directory=
  below=$1
  while [ "\${below#*/}" != "$below" ]; do
    directory=$directory\${directory:+/}\${below%%/*}
    below=\${below#*/}
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
    path=\${line#* }
    case $line in "had "* | "new "*) ;; *) continue ;; esac
    if content "$path" >/dev/null; then continue; fi
    restore "\${line%% *}" "$path"
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
  while IFS= read -r line; do restore "\${line%% *}" "\${line#* }"; done <"$state/manifest"
  if [ -z "$would" ]; then rm -rf "$state"; fi
}
`;
