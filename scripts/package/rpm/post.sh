#!/bin/sh
# Makes the service's user. Nothing is enabled or started.
systemd-sysusers lookaside.conf
if [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload || :
fi
