/** The part of the install script that remembers what it did, to the directory `$state`. */
export const INSTALL_SCRIPT_STATE = `
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
`;
