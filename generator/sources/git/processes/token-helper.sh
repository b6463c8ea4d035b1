#!/bin/sh
# Gives git the token for a remote (gitcredentials(7)). It is read from its file each time, so it is in
# no argument and no variable. White space around it, as a carriage return, is not part of it.

[ "$1" = get ] || exit 0
token=$(head -n 1 "$LOOKASIDE_GIT_TOKEN_FILE" | sed 's/^[[:space:]]*//; s/[[:space:]]*$//')
printf 'username=%s\npassword=%s\n' "$LOOKASIDE_GIT_USER" "$token"
