#!/bin/sh
# attest-image.sh IMAGE@DIGEST SBOM [COSIGN-OPTION…]: signs the image with cosign, the list and the image of
# each platform, and attests to what is in it. Without --key it signs as the workflow that runs it.
set -eu

image=${1:?expected IMAGE@DIGEST}
sbom=${2:?expected the bill of materials}
shift 2
case $image in
  *@sha256:*) ;;
  *)
    echo "attest-image: expected an image by its digest, got $image: a tag may be another image by now" >&2
    exit 2
    ;;
esac

cosign sign --yes --recursive "$@" "$image"
cosign attest --yes --recursive --type cyclonedx --predicate "$sbom" "$@" "$image"
