#!/bin/sh
# push-image.sh IMAGE VERSION [BUILD-OPTION…]: builds the image for each of PLATFORMS, pushes them as
# IMAGE:VERSION, and prints the digest of the list. The options go to `buildah build`.
#
#   REVISION           the commit
#   SOURCE             the URL of the repository
#   SOURCE_DATE_EPOCH  the time of the commit, in seconds since 1970; all that the build makes gets it
#   PLATFORMS          linux/amd64,linux/arm64 unless set; others than the machine's own need qemu-user-static
#   TLS_VERIFY         false for a registry that speaks plain HTTP
#
# Credentials are those of buildah: `skopeo login`.
set -eu

image=${1:?expected the name of the image}
version=${2:?expected its version}
shift 2
: "${REVISION:?expected the commit}" "${SOURCE:?expected the URL of the repository}"
: "${SOURCE_DATE_EPOCH:?expected the time of the commit}"
cd "$(dirname "$0")/../.."

digest=$(mktemp)
list=lookaside-release-$$
clean_up() {
  rm -f "$digest"
  buildah manifest rm "$list" >&2 || :
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

created=$(date --utc --date "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
buildah build --manifest "$list" --platform "${PLATFORMS:-linux/amd64,linux/arm64}" \
  --timestamp "$SOURCE_DATE_EPOCH" \
  --label "org.opencontainers.image.version=$version" \
  --label "org.opencontainers.image.revision=$REVISION" \
  --label "org.opencontainers.image.source=$SOURCE" \
  --label "org.opencontainers.image.created=$created" \
  "$@" . >&2
buildah manifest push --tls-verify="${TLS_VERIFY:-true}" --all --format oci --digestfile "$digest" \
  "$list" "docker://$image:$version" >&2
# Some versions (1.28) end with 0 and say nothing where the registry cannot be reached.
if [ ! -s "$digest" ]; then
  echo "push-image: nothing was pushed to $image:$version: is the registry there, and are you logged in?" >&2
  exit 2
fi
printf '%s\n' "$(cat "$digest")"
