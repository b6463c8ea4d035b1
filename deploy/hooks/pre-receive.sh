#!/bin/sh
# The pre-receive hook of a signature repository: Lookaside judges what a push brings, before it is in
# the repository. install-pre-receive.sh puts it there, and writes the settings that it reads from the
# configuration of the repository, which no push can change:
#
#   lookaside.program   the program, by its absolute path; default: lookaside
#   lookaside.config    a configuration file (--config); default: what the pushed lookaside.yaml says
set -eu

program=$(git config --get lookaside.program || echo lookaside)
config=$(git config --get lookaside.config || true)

exec "$program" hook pre-receive ${config:+--config "$config"}
