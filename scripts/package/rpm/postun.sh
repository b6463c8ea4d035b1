#!/bin/sh
# After an upgrade, a server that runs is replaced by the new one, whose files lie where its own were.
if [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload || :
  if [ "$1" -ge 1 ]; then
    systemctl try-restart lookaside.service || :
  fi
fi
