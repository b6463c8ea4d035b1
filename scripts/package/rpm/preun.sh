#!/bin/sh
# Stops what is removed, and starts it no more at boot. At an upgrade $1 is not 0.
if [ "$1" -eq 0 ] && [ -d /run/systemd/system ]; then
  systemctl --no-reload disable --now lookaside.socket lookaside.service || :
fi
