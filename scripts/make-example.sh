#!/bin/sh
# Makes signatures/, the example signature repository, from nothing: small images, a registry on
# the loopback, three signers, and `skopeo copy --sign-by` as people run it.
# Every signature is verified against the published keys before the old tree is replaced.
# The private keys die with the temporary directory, so the example can be remade but not extended.
# Needs skopeo, docker-registry, gpg, gpgv and GNU tar (Debian: skopeo docker-registry gnupg gpgv tar).
set -eu
umask 022
export LC_ALL=C

root=$(cd "$(dirname "$0")/.." && pwd)
host=registry.example.com # the registry that the signatures name; nothing is sent there

release='Example Team Release Signing <release@example.com>'
security='Example Team Security Review <security@example.com>'
platform='Example Platform Signing <platform@example.com>'

tmp=$(mktemp -d)
registry_pid=
cleanup() {
  if [ -n "$registry_pid" ]; then
    kill "$registry_pid" 2>/dev/null || :
    wait "$registry_pid" 2>/dev/null || :
  fi
  gpgconf --homedir "$tmp/gnupg" --kill gpg-agent 2>/dev/null || :
  rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

die() {
  printf 'make-example: %s\n' "$1" >&2
  exit 1
}

for tool in skopeo docker-registry gpg gpgv; do
  command -v "$tool" >/dev/null || die "$tool is missing"
done

# The settings of whoever runs this (registries.conf, registries.d, gpg.conf) must not leak in.
export HOME="$tmp/home" XDG_RUNTIME_DIR="$tmp/home" GNUPGHOME="$tmp/gnupg"
unset XDG_CONFIG_HOME REGISTRY_AUTH_FILE
tree=$tmp/signatures
mkdir -p "$HOME" "$tree/keys"
mkdir -m 700 "$GNUPGHOME"

# --- signers ------------------------------------------------------------------------------------

run_gpg() { # gpg tells of every step on stderr; show that only if it fails
  gpg --batch --quiet "$@" 2>"$tmp/gpg.log" || die "gpg: $(cat "$tmp/gpg.log")"
}

# RSA, because some Go clients refuse Ed25519.
make_key() { # NAME USER-ID
  run_gpg --pinentry-mode loopback --passphrase '' --quick-generate-key "$2" rsa3072 sign never
  run_gpg --armor --export-options export-minimal --export "=$2" >"$tree/keys/$1.asc"
  printf '%s|%s|%s\n' "$1" "$2" "$(fingerprint_of "$2")" >>"$tmp/signers"
}

fingerprint_of() { # USER-ID
  run_gpg --with-colons --list-keys "=$1" | awk -F: '$1 == "fpr" { print $10; exit }'
}

# --- images: OCI layouts written by hand --------------------------------------------------------

add_blob() { # FILE; sets $hex
  hex=$(sha256sum "$1" | cut -d ' ' -f 1)
  mv "$1" "$layout/blobs/sha256/$hex"
}

descriptor() { # MEDIA-TYPE HEX
  printf '"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%d' \
    "$1" "$2" "$(wc -c <"$layout/blobs/sha256/$2")"
}

layout_of() { # NAME:TAG; skopeo ends the path of an oci: layout at the first colon
  printf '%s/images/%s/%s' "$tmp" "${1%:*}" "${1##*:}"
}

new_layout() { # NAME:TAG
  layout=$(layout_of "$1")
  mkdir -p "$layout/blobs/sha256"
  printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
}

tag_layout() { # MEDIA-TYPE HEX
  printf '{"schemaVersion":2,"manifests":[{%s}]}' "$(descriptor "$1" "$2")" >"$layout/index.json"
}

add_image() { # NAME:TAG ARCHITECTURE; sets $hex to the manifest
  rm -rf "$tmp/layer"
  mkdir -p "$tmp/layer/etc"
  printf '%s for %s\n' "$1" "$2" >"$tmp/layer/etc/example"
  # Equal inputs give equal digests: no names, times or owners of this machine in the layer.
  tar -C "$tmp/layer" --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
    --mode=go-w -cf "$tmp/layer.tar" etc
  diff_id=$(sha256sum "$tmp/layer.tar" | cut -d ' ' -f 1)
  gzip -n -9 "$tmp/layer.tar"
  add_blob "$tmp/layer.tar.gz"
  layer=$hex
  printf '{"architecture":"%s","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$2" "$diff_id" >"$tmp/config"
  add_blob "$tmp/config"
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{%s},"layers":[{%s}]}' \
    "$(descriptor config.v1+json "$hex")" "$(descriptor layer.v1.tar+gzip "$layer")" >"$tmp/manifest"
  add_blob "$tmp/manifest"
}

make_image() { # NAME:TAG
  new_layout "$1"
  add_image "$1" amd64
  tag_layout manifest.v1+json "$hex"
}

make_multi_arch_image() { # NAME:TAG ARCHITECTURE...
  name=$1
  shift
  new_layout "$name"
  instances=
  for architecture; do
    add_image "$name" "$architecture"
    instances="$instances${instances:+,}{$(descriptor manifest.v1+json "$hex"),\"platform\":{\"architecture\":\"$architecture\",\"os\":\"linux\"}}"
  done
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s]}' \
    "$instances" >"$tmp/index"
  add_blob "$tmp/index"
  tag_layout index.v1+json "$hex"
}

# --- registry -----------------------------------------------------------------------------------

start_registry() { # sets $registry to host:port
  mkdir -p "$tmp/registry" "$tmp/registries.d"
  cat >"$tmp/registry.yml" <<EOF
version: 0.1
log: { level: info, formatter: json }
storage: { filesystem: { rootdirectory: $tmp/registry } }
http: { addr: 127.0.0.1:0 }
EOF
  docker-registry serve "$tmp/registry.yml" >"$tmp/registry.log" 2>&1 &
  registry_pid=$!
  registry=
  tries=0
  until [ -n "$registry" ]; do
    kill -0 "$registry_pid" 2>/dev/null || die "docker-registry ended: $(tail -n 1 "$tmp/registry.log")"
    tries=$((tries + 1))
    [ "$tries" -le 100 ] || die 'docker-registry does not listen after 10 s'
    sleep 0.1
    registry=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$tmp/registry.log")
  done
  printf 'default-docker:\n  lookaside-staging: file://%s\n' "$tmp/staging" >"$tmp/registries.d/example.yaml"
}

sign() { # NAME TAG USER-ID
  rm -rf "$tmp/staging"
  mkdir "$tmp/staging"
  skopeo --insecure-policy --registries.d "$tmp/registries.d" copy --quiet --all --preserve-digests \
    --dest-tls-verify=false --dest-no-creds --sign-by "$(fingerprint_of "$3")" \
    --sign-identity "$host/$1:$2" "oci:$(layout_of "$1:$2")" "docker://$registry/$1:$2"
  # skopeo never reads what the destination holds and always writes signature-1: a second signer
  # would overwrite the first.
  (cd "$tmp/staging" && find . -name signature-1 -printf '%P\n' | sort) >"$tmp/signed"
  while read -r signed; do
    directory=${signed%/signature-1}
    mkdir -p "$tree/$directory"
    number=1
    while [ -e "$tree/$directory/signature-$number" ]; do number=$((number + 1)); done
    mv "$tmp/staging/$signed" "$tree/$directory/signature-$number"
    printf '%s/signature-%d|%s:%s|%s\n' "$directory" "$number" "$1" "$2" "$3" >>"$tmp/list"
  done <"$tmp/signed"
}

# --- proof --------------------------------------------------------------------------------------

# A stranger's view: nothing but the published keys, the manifest as the registry serves it, and
# the signature.
verify_all() {
  mkdir -m 700 "$tmp/verifier"
  run_gpg --homedir "$tmp/verifier" --no-autostart --import "$tree"/keys/*.asc
  run_gpg --homedir "$tmp/verifier" --no-autostart --export >"$tmp/keys.gpg"
  while IFS='|' read -r path image signer; do
    digest=sha256:${path##*@sha256=}
    digest=${digest%/*}
    skopeo inspect --raw --tls-verify=false --no-creds "docker://$registry/${image%:*}@$digest" >"$tmp/manifest"
    fingerprint=$(fingerprint_of "$signer")
    GNUPGHOME="$tmp/verifier" skopeo standalone-verify "$tmp/manifest" "$host/$image" \
      "$fingerprint" "$tree/$path" >"$tmp/verify.log" 2>&1 || die "$path: skopeo: $(cat "$tmp/verify.log")"
    gpgv --quiet --keyring "$tmp/keys.gpg" --status-fd 1 --output "$tmp/claims.json" "$tree/$path" \
      >"$tmp/verify.log" 2>&1 || die "$path: gpgv: $(cat "$tmp/verify.log")"
    grep -q "VALIDSIG $fingerprint " "$tmp/verify.log" || die "$path: not signed by $signer"
    rm "$tmp/claims.json"
    printf 'verified %s  %s  %s\n' "$path" "$host/$image" "$signer"
  done <"$tmp/list"
}

# --- README -------------------------------------------------------------------------------------

what_is() { # NAME:TAG HEX
  blob=$(layout_of "$1")/blobs/sha256/$2
  if grep -q 'image\.index\.v1+json","manifests"' "$blob"; then
    echo 'manifest list'
  else
    config=$(sed 's/.*"config":{[^}]*"digest":"sha256:\([0-9a-f]*\)".*/\1/' "$blob")
    sed 's/.*"architecture":"\([^"]*\)".*/linux\/\1/' "${blob%/*}/$config"
  fi
}

write_readme() {
  cat <<EOF
# Example signature repository

This is a signature repository as Lookaside serves it. Every signature is real: \`skopeo\` made it over a real manifest, and it verifies with the keys in \`keys/\`. The images themselves are not here, and \`$host\` is no real registry.

A signature lies at \`<namespace>/<repository>@sha256=<digest>/signature-<number>\`. The digest is that of the manifest. The name of the registry is not part of the path; it stands inside the signature.

## Images

| image | manifest | digest (sha256) | signature | signer |
| --- | --- | --- | --- | --- |
EOF
  sort "$tmp/list" | while IFS='|' read -r path image signer; do
    digest=${path##*@sha256=}
    digest=${digest%/*}
    echo "| \`$host/$image\` | $(what_is "$image" "$digest") | \`$digest\` | \`${path##*/}\` | ${signer% <*} |"
  done
  cat <<EOF

A node that pulls a multi-arch image asks for the signature of its own platform's manifest. A copy of the whole image asks for that of the list too. So both are signed.

## Signers

| key | user id | fingerprint |
| --- | --- | --- |
EOF
  while IFS='|' read -r name user_id fingerprint; do
    echo "| \`keys/$name.asc\` | \`$user_id\` | \`$fingerprint\` |"
  done <"$tmp/signers"
  cat <<EOF

The keys are RSA with 3072 bits and do not expire. The private keys were deleted when the tree was made. Trust these keys for nothing but this example.

## Read one by hand

This verifies a signature and prints what it says:

\`\`\`sh
gpg --dearmor <keys/release.asc >/tmp/release.gpg
gpgv --keyring /tmp/release.gpg --output - $(grep '|team/worker:' "$tmp/list" | cut -d '|' -f 1)
\`\`\`

## How it was made

\`scripts/make-example.sh\` makes the whole tree again, with new keys. It builds small images, pushes them to a registry on the loopback with \`skopeo copy --sign-by\`, collects what \`lookaside-staging\` receives, and verifies every signature with \`skopeo standalone-verify\` and \`gpgv\`. With the same tools the images get the same digests each time. This tree was made with $(skopeo --version).
EOF
}

# --- make ---------------------------------------------------------------------------------------

make_key release "$release"
make_key security "$security"
make_key platform "$platform"

make_image team/app:1.0
make_image team/app:1.1
make_image team/worker:2.3
make_multi_arch_image platform/base:12 amd64 arm64

start_registry
sign team/app 1.0 "$release"
sign team/app 1.1 "$release"
sign team/app 1.1 "$security"
sign team/worker 2.3 "$release"
sign platform/base 12 "$platform"

verify_all
write_readme >"$tree/README.md"

rm -rf "$root/signatures.new"
cp -R "$tree" "$root/signatures.new"
rm -rf "$root/signatures"
mv "$root/signatures.new" "$root/signatures"
