#!/bin/sh
# A user manager of systemd with a host of its own: in namespaces for mounts and processes, with an empty /run,
# and layers over /usr, /etc and /var that only it sees. The package is installed there.
# Usage: unshare --pid --fork --mount-proc --kill-child manager.sh NODE CHECKOUT CGROUP
set -eu
node=$1
checkout=$2
cgroup=$3
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export XDG_RUNTIME_DIR=/run/user/0 HOME=/root
# Where user units have their state, so that it lies where it does on a host.
export XDG_CONFIG_HOME=/var/lib XDG_STATE_HOME=/var/lib

# Groups of processes of its own, as it ends whatever is in those of its services.
if [ "${4-}" != inside ]; then
  for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup; do
    if mkdir "$hierarchy/$cgroup" 2>/dev/null; then
      echo 0 >"$hierarchy/$cgroup/cgroup.procs"
      break
    fi
  done
  exec unshare --cgroup sh "$0" "$node" "$checkout" "$cgroup" inside
fi
mount --make-rprivate /
for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup; do
  if [ -d "$hierarchy/$cgroup" ]; then mount --bind "$hierarchy/$cgroup" "$hierarchy"; fi
done
mount -t tmpfs -o mode=0755 tmpfs /run
for layer in usr etc var; do
  mkdir -p "/run/layers/$layer" "/run/layers/$layer.work"
  mount -t overlay overlay \
    -o "lowerdir=/$layer,upperdir=/run/layers/$layer,workdir=/run/layers/$layer.work" "/$layer"
done
# Programs ask whether systemd runs by this directory.
mkdir -p /run/systemd/system "$XDG_RUNTIME_DIR" /etc/lookaside /usr/lib/lookaside /usr/lib/systemd/user

[ "$(readlink -f /usr/bin/node || true)" = "$(readlink -f "$node")" ] || cp -L "$node" /usr/bin/node
cp -r "$checkout/bundled" "$checkout/package.json" /usr/lib/lookaside
chmod -R a+rX,go-w /usr/lib/lookaside
ln -sf ../lib/lookaside/bundled/cli/main.js /usr/bin/lookaside
cp "$checkout/deploy/systemd/lookaside.service" "$checkout/deploy/systemd/lookaside.socket" /usr/lib/systemd/user
cp "$checkout/deploy/systemd/config.yaml" /etc/lookaside
systemd-sysusers "$checkout/deploy/systemd/lookaside.sysusers.conf"

/lib/systemd/systemd --user &
manager=$!
# That of the system manager is open to the users of all services.
until chmod 0777 "$XDG_RUNTIME_DIR/systemd/notify" 2>/dev/null; do sleep 0.05; done
echo "manager runs"
wait "$manager"
