#!/bin/sh
# make-files.sh DIR: what a release offers to download: the package for npm, those for Debian and Red Hat,
# the chart, the bill of materials, and the sums of all. It needs dpkg-deb, rpmbuild and helm.
#
#   SOURCE      the URL of the repository; npm's provenance has to find it in the package
#   MAINTAINER  `Name <address>`, who answers for the packages
#   IMAGE       the name of the image, without tag: the chart installs it unless told otherwise
set -eu

out=${1:?expected the directory}
: "${SOURCE:?expected the URL of the repository}" "${MAINTAINER:?expected who answers for the packages}"
: "${IMAGE:?expected the name of the image}"
mkdir -p "$out"
out=$(cd "$out" && pwd)
if [ -n "$(ls -A "$out")" ]; then
  echo "make-files: expected an empty directory, got $out" >&2
  exit 2
fi
cd "$(dirname "$0")/../.."
version=$(node --print 'require("./package.json").version')

HOMEPAGE=$SOURCE npm run --silent package -- "$out"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cp -R package.json README.md LICENSE bundled "$work"
(
  cd "$work"
  npm pkg set repository.type=git "repository.url=git+$SOURCE.git"
  # It is built already.
  npm pack --silent --ignore-scripts --pack-destination "$out"
)
cp -R deploy/chart "$work/chart"
sed -e 's/^  # A placeholder: .*/  # That of this version, unless it is mirrored./' -e "s|^  repository: .*|  repository: $IMAGE|" \
  deploy/chart/values.yaml >"$work/chart/values.yaml"
# helm calls its file as npm does.
helm package "$work/chart" --version "$version" --app-version "$version" --destination "$work"
mv "$work/lookaside-$version.tgz" "$out/lookaside-chart-$version.tgz"
cp bundled/sbom.cdx.json "$out/lookaside-$version.cdx.json"

cd "$out"
sha256sum -- * >"$work/SHA256SUMS"
mv "$work/SHA256SUMS" .
