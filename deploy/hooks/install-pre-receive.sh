#!/bin/sh
# Installs the pre-receive hook of Lookaside in a bare repository of a git server. Run it as the user
# that owns the repository, or as root. It can be run again, and changes no hook of others.
set -eu

usage() {
  cat <<'END'
usage: install-pre-receive.sh [-f plain|gitlab|gitea] [-p PROGRAM] [-c CONFIG] [-r] REPOSITORY

  -f  where the git server looks for hooks; default: plain, or gitea where it has its directory
        plain   hooks/pre-receive
        gitlab  custom_hooks/pre-receive.d/lookaside
        gitea   hooks/pre-receive.d/lookaside
  -p  the program; default: the lookaside in PATH
  -c  its configuration file: keys and scopes of the server, in place of those that are pushed
  -r  whoever may push may take signatures and keys away, or delete the branch, if they say so:
      git push -o lookaside.allow-removals
END
}

fail() {
  echo "install-pre-receive.sh: $1" >&2
  exit 2
}

forge=
program=
config=
removals=
while getopts f:p:c:rh option; do
  case $option in
    f) forge=$OPTARG ;;
    p) program=$OPTARG ;;
    c) config=$OPTARG ;;
    r) removals=true ;;
    h)
      usage
      exit 0
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
done
shift $((OPTIND - 1))
if [ $# -ne 1 ]; then
  usage >&2
  exit 2
fi

repository=$(git -C "$1" rev-parse --absolute-git-dir) || fail "$1 is no repository"
[ "$(git --git-dir "$repository" rev-parse --is-bare-repository)" = true ] ||
  fail "$1 is a checkout: name the bare repository that people push to"

program=${program:-lookaside}
found=$(command -v "$program") || fail "there is no program $program: name it with -p"
program=$(realpath "$found")
[ -z "$config" ] || config=$(realpath -e "$config") || fail "there is no such configuration file"

if [ -z "$forge" ]; then
  forge=plain
  [ ! -d "$repository/hooks/pre-receive.d" ] || forge=gitea
fi
case $forge in
  plain) hook=$repository/hooks/pre-receive ;;
  gitlab) hook=$repository/custom_hooks/pre-receive.d/lookaside ;;
  gitea) hook=$repository/hooks/pre-receive.d/lookaside ;;
  *) fail "expected plain, gitlab or gitea after -f, got $forge" ;;
esac

source=$(dirname "$0")/pre-receive.sh
if [ -e "$hook" ] && ! grep -q 'hook pre-receive' "$hook"; then
  fail "$hook is there already: call 'lookaside hook pre-receive' in it"
fi

git --git-dir "$repository" config lookaside.program "$program"
if [ -n "$config" ]; then
  git --git-dir "$repository" config lookaside.config "$config"
else
  git --git-dir "$repository" config --unset lookaside.config || true
fi
if [ -n "$removals" ]; then
  git --git-dir "$repository" config lookaside.removalsByOption true
  git --git-dir "$repository" config receive.advertisePushOptions true
else
  git --git-dir "$repository" config --unset lookaside.removalsByOption || true
fi

# The new hook gets its name only once it is whole: a push may come at any moment.
mkdir -p "$(dirname "$hook")"
cp "$source" "$hook.new"
chmod 755 "$hook.new"
if [ "$(id -u)" = 0 ]; then
  chown --reference="$repository" "$(dirname "$hook")" "$hook.new" "$repository/config"
fi
mv "$hook.new" "$hook"
echo "installed $hook, which runs $program"
echo "the default branch is $(git --git-dir "$repository" symbolic-ref --short HEAD): pushes to it are judged," \
  "unless the configuration names another branch"
