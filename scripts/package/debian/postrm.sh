#!/bin/sh
# A purge removes the state directory, which holds nothing that git does not have but for the list of
# missing signatures, and the audit log. The user stays, as files elsewhere may be theirs.
set -e

if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload || :
fi
if [ "$1" = purge ]; then
  rm -rf /var/lib/lookaside /var/log/lookaside
fi
