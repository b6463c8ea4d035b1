#!/bin/sh
# The pre-receive hook of a signature repository: Lookaside judges what a push brings, before it is in
# the repository. install-pre-receive.sh puts it there, and writes the settings that it reads from the
# configuration of the repository, which no push can change:
#
#   lookaside.program   the program, by its absolute path; default: lookaside
#   lookaside.config    a configuration file (--config); default: what the pushed lookaside.yaml says
#   lookaside.removalsByOption
#                       whether `git push -o lookaside.allow-removals` may take signatures and keys away
set -eu

program=$(git config --get lookaside.program || echo lookaside)
config=$(git config --get lookaside.config || true)

set -- hook pre-receive
[ -z "$config" ] || set -- "$@" --config "$config"

if [ "$(git config --type=bool --get lookaside.removalsByOption || true)" = true ]; then
  index=0
  while [ "$index" -lt "${GIT_PUSH_OPTION_COUNT:-0}" ]; do
    option=
    eval "option=\$GIT_PUSH_OPTION_$index"
    [ "$option" != lookaside.allow-removals ] || set -- "$@" --allow-removals
    index=$((index + 1))
  done
fi

exec "$program" "$@"
