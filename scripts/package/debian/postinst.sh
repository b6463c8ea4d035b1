#!/bin/sh
# Makes the service's user. Nothing is enabled or started; after an upgrade, a server that runs is
# replaced by the new one, whose files lie where its own were.
set -e

if [ "$1" = configure ]; then
  systemd-sysusers lookaside.conf
  if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload
    if [ -n "$2" ]; then
      deb-systemd-invoke try-restart lookaside.service || :
    fi
  fi
fi
