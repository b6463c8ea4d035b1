#!/bin/sh
# Runs git with its arguments, behind a mark and a number of blocks. What it prints comes between two
# marks, the first with the word `begin`, the second with its exit code (git-output.ts).
# Where a file may not grow without end, a write beyond that fails, and git says so.

# Linux weighs each session as a whole (sched(7)); give-way.ts has the figure.
{ echo 10 >/proc/$$/autogroup; } 2>/dev/null
mark=$1 blocks=$2
shift 2
if [ "$blocks" != - ]; then
  trap '' XFSZ
  ulimit -f "$blocks"
fi
printf '\000%sbegin\n' "$mark" >&2
printf '\000%sbegin\n' "$mark"
# Neither what stops git nor a git that cannot be started shall keep this from saying how it ended.
trap : TERM
command eval 'git "$@"'
code=$?
printf '\000%s%s\n' "$mark" "$code" >&2
printf '\000%s%s\n' "$mark" "$code"
