#!/usr/bin/env bash
# Builds kube-apiserver 1.20.2 from Debian's source package, and puts it beside Debian's etcd into
# $XDG_CACHE_HOME/lookaside/kube-apiserver, where `npm run test:long` finds both. No package has a
# kube-apiserver. It takes about ten minutes of processor time and 4 GB of disk, once.
#
# Debian 12, with make, rsync, jq and dpkg-dev. Needs no root: other packages are only unpacked.
set -euo pipefail

readonly PACKAGES=(golang-1.19-go golang-1.19-src golang-github-modern-go-reflect2-dev etcd-server)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lookaside/kube-apiserver
if [ -x "$cache/kube-apiserver" ] && [ -x "$cache/etcd" ]; then
  echo "$cache has both programs already"
  exit 0
fi
for tool in make rsync jq dpkg-source apt-get; do
  if ! command -v "$tool" >/dev/null; then
    echo "$tool is missing: install make, rsync, jq and dpkg-dev on a Debian 12" >&2
    exit 2
  fi
done

mkdir -p "$cache"
work=$(mktemp -d "$cache/build-XXXXXX")
# Go makes what it keeps read-only.
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

# Lists of our own, with the sources, of the mirror that this machine uses.
mkdir -p "$work"/apt/{lists/partial,archives/partial}
apt-get indextargets --format '$(SITE) $(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Codename: bookworm' |
  awk '{ print "deb [trusted=no] " $2 " " $3 " main\ndeb-src " $2 " " $3 " main" }' |
  sed 's/ \[trusted=no\]//' | sort -u >"$work/apt/sources.list"
if [ ! -s "$work/apt/sources.list" ]; then
  echo 'apt knows no bookworm: the source package is that of Debian 12' >&2
  exit 2
fi
apt=(-q -o "Dir::Etc::sourcelist=$work/apt/sources.list" -o Dir::Etc::sourceparts=-
  -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt" -o APT::Sandbox::User=)
apt-get "${apt[@]}" update
(
  cd "$work"
  apt-get "${apt[@]}" download "${PACKAGES[@]}"
  apt-get "${apt[@]}" source --download-only kubernetes
)
for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
dpkg-source --no-check -x "$work"/kubernetes_*.dsc "$work/kubernetes"

# With the one that Kubernetes brings along and Go 1.19, the server crashes at its first webhook.
cp "$work"/root/usr/share/gocode/src/github.com/modern-go/reflect2/*.{go,s} \
  "$work/kubernetes/vendor/github.com/modern-go/reflect2/"

mkdir -p "$work/go/src/k8s.io"
ln -s "$work/kubernetes" "$work/go/src/k8s.io/kubernetes"
export GOPATH=$work/go GOCACHE=$work/go-cache GO111MODULE=off CGO_ENABLED=0
export GOROOT=$work/root/usr/lib/go-1.19 PATH=$work/root/usr/lib/go-1.19/bin:$PATH
make -C "$GOPATH/src/k8s.io/kubernetes" WHAT=cmd/kube-apiserver
find "$work/kubernetes/_output/" -name kube-apiserver -type f -perm -u+x -exec cp {} "$work/built" \; -quit
cp "$work/root/usr/bin/etcd" "$cache/etcd"
mv "$work/built" "$cache/kube-apiserver"
"$cache/kube-apiserver" --version
