#!/bin/sh
# enter-pod.sh WORK UID GID GROUP COMMAND…: runs a command as a container of a pod runs it, in the mount and PID
# namespace that it is started in. WORK/upper is laid over the root of this machine; WORK/mounts names a volume,
# where it is mounted, and ro or rw, a line each. The root is read-only, and no capability is left.
set -eu
work=$1 uid=$2 gid=$3 group=$4
shift 4

root=$work/root
mkdir -p "$root" "$work/over"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/over" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
while read -r volume path mode; do
  mount --bind "$volume" "$root$path"
  if [ "$mode" = ro ]; then mount -o remount,bind,ro "$root$path"; fi
done <"$work/mounts"
mount -o remount,ro "$root"
exec chroot "$root" setpriv --reuid="$uid" --regid="$gid" --groups="$group" --no-new-privs \
  --bounding-set=-all --inh-caps=-all --ambient-caps=-all "$@"
