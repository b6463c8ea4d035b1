#!/bin/sh
# Stops what is removed, and starts it no more at boot.
set -e

if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl --no-reload disable --now lookaside.socket lookaside.service || :
fi
