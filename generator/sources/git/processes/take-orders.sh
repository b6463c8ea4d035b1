#!/bin/sh
# Takes orders. `run` reads as many words as it says, one a line, and starts git with them: no word
# is ever evaluated. It says who leads its group: 0 where a shell can make none, because it has
# neither setsid(1) nor job control. `stay` keeps it on one processor, and what it starts. `end` kills what is left of the group, waits for it, passes over
# what git has not read, up to a line that is the mark, and marks the end of what was printed with the
# word `over` (git-output.ts). When nobody gives orders any more, what runs is ended.
# Its argument is the text of run-git.sh.
#
# What only the evaluated command uses looks unused.
# shellcheck disable=SC2034

script=$1
set -m 2>/dev/null
leader='' group=yes
case $- in
  *m*) ;;
  *) if command -v setsid >/dev/null; then leader=setsid; else group=; fi ;;
esac
job=
while IFS=' ' read -r order mark blocks talk count; do
  if [ "$order" = end ]; then
    if [ "$job" ]; then
      if [ "$group" ]; then kill -KILL "-$job"; fi
      wait "$job"
      # Whoever is being killed may still finish a write. Those whom nobody buries stay for ever, so
      # this looks only 20 times, 10 ms apart, whether anybody is left.
      tries=20
      while [ "$group" ] && [ "$tries" -gt 0 ] && kill -0 "-$job"; do
        sleep 0.01
        tries=$((tries - 1))
      done
    fi 2>/dev/null
    job=
    while IFS= read -r word <&4 && [ "$word" != "$mark" ]; do :; done
    printf '\000%sover\n' "$mark" >&2
    printf '\000%sover\n' "$mark"
    continue
  fi
  if [ "$order" = stay ]; then
    taskset -cp "$mark" $$ >/dev/null 2>&1
    continue
  fi
  set --
  while [ "$count" -gt 0 ]; do
    IFS= read -r word
    set -- "$@" "$word"
    count=$((count - 1))
  done
  if [ "$talk" = yes ]; then input='<&4'; else input='</dev/null'; fi
  if command eval '$leader /bin/sh -c "$script" sh "$mark" "$blocks" "$@"' "$input" '3>&- 4<&- &'; then
    job=$!
    if [ "$group" ]; then echo "started $job" >&3; else echo 'started 0' >&3; fi
  else
    echo unstarted >&3
  fi
done
if [ "$job" ]; then
  [ "$group" ] && job=-$job
  kill -TERM "$job" && sleep 1
  kill -KILL "$job"
fi 2>/dev/null
