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
trap 'rm -rf "$work"' EXIT

# Lists of our own, with the sources, of the mirror that this machine uses.
mkdir -p "$work"/apt/{lists/partial,archives/partial}
# shellcheck disable=SC2016 # apt expands these itself.
apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Codename: bookworm' |
  awk '{ print "deb " $1 " " $2 " main\ndeb-src " $1 " " $2 " main" }' |
  sort -u >"$work/apt/sources.list"
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
reflect2=$work/kubernetes/vendor/github.com/modern-go/reflect2
rm "$reflect2"/*.go
cp "$work"/root/usr/share/gocode/src/github.com/modern-go/reflect2/*.go "$reflect2"

mkdir -p "$work/go/src/k8s.io"
ln -s "$work/kubernetes" "$work/go/src/k8s.io/kubernetes"
# Without the settings of Go of whoever builds, and with temporary files where there is room.
export GOPATH=$work/go GOTMPDIR=$work GOENV=off GOFLAGS='' GO111MODULE=off CGO_ENABLED=0
export GOROOT=$work/root/usr/lib/go-1.19 PATH=$work/root/usr/lib/go-1.19/bin:$PATH
make -C "$GOPATH/src/k8s.io/kubernetes" WHAT=cmd/kube-apiserver
cp "$work/root/usr/bin/etcd" "$cache/etcd"
# Whole, or not at all.
cp "$work/kubernetes/_output/bin/kube-apiserver" "$cache/kube-apiserver.new"
mv "$cache/kube-apiserver.new" "$cache/kube-apiserver"
"$cache/kube-apiserver" --version
