#!/bin/sh
# push-chart.sh CHART.tgz REGISTRY/PATH [HELM-OPTION…]: pushes the chart as an OCI artifact, and prints its
# digest. The options go to `helm push`.
set -eu

chart=${1:?expected the file of the chart}
charts=${2:?expected where charts are, as REGISTRY/PATH}
shift 2

# helm tells it on standard error: "Digest: sha256:…".
told=$(helm push "$chart" "oci://$charts" "$@" 2>&1) || {
  printf '%s\n' "$told" >&2
  exit 2
}
digest=$(printf '%s\n' "$told" | sed -n 's/^Digest: \(sha256:[0-9a-f]*\)$/\1/p')
if [ -z "$digest" ]; then
  echo "push-chart: expected helm to tell the digest, got: $told" >&2
  exit 2
fi
echo "$digest"
