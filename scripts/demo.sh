#!/bin/sh
# The main job on one machine: a registry, a developer who signs, a git repository, Lookaside,
# and a node that pulls. Everything listens on the loopback, lies in one temporary directory
# and is gone at the end; with --keep, at Ctrl-C or at a signal to this script.
# Needs podman, skopeo, docker-registry, gpg, git, curl and openssl (all Debian packages).
set -eu
umask 022
export LC_ALL=C

keep=
case "$*" in
  '') ;;
  --keep) keep=yes ;;
  *)
    echo 'usage: npm run demo [-- --keep]' >&2
    exit 2
    ;;
esac

root=$(cd "$(dirname "$0")/.." && pwd)
lookaside=$root/dist/cli/main.js
signer='Demo Signer <signer@example.com>'
tmp=$(mktemp -d)
registry_pid=
lookaside_pid=

cleanup() {
  for pid in $lookaside_pid $registry_pid; do
    kill "$pid" 2>/dev/null || :
    wait "$pid" 2>/dev/null || :
  done
  gpgconf --homedir "$tmp/gnupg" --kill gpg-agent 2>/dev/null || :
  rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

step() { printf '\n==> %s\n' "$1"; }
show() { sed 's/^/    /'; }
die() {
  printf 'demo: %s\n' "$1" >&2
  exit 1
}

wait_for() { # SED-SCRIPT FILE; prints what the script finds, within 10 s
  tries=0
  while [ $tries -lt 100 ]; do
    found=$(sed -n "$1" "$2" 2>/dev/null || :)
    if [ -n "$found" ]; then
      printf '%s\n' "$found"
      return
    fi
    tries=$((tries + 1))
    sleep 0.1
  done
  die "nothing came up: $(tail -n 3 "$2")"
}

for tool in podman skopeo docker-registry gpg git curl openssl; do
  command -v "$tool" >/dev/null || die "$tool is missing; on Debian: apt-get install podman skopeo docker-registry gnupg git curl openssl"
done
[ -f "$lookaside" ] || die 'run it as npm run demo, which builds the program first'

# Nobody's own settings take part.
export HOME="$tmp/home" XDG_RUNTIME_DIR="$tmp/home" GNUPGHOME="$tmp/gnupg" GIT_CONFIG_GLOBAL=/dev/null
unset XDG_CONFIG_HOME REGISTRY_AUTH_FILE
config=$HOME/.config/containers
mkdir -p "$config/registries.d" "$tmp/signer.d"
mkdir -m 700 "$GNUPGHOME"

node_podman() {
  podman --root "$tmp/storage" --runroot "$tmp/run" --storage-driver vfs "$@"
}

step 'A registry starts, as yours runs already.'
cat >"$tmp/registry.yml" <<EOF
version: 0.1
log: { level: info, formatter: json }
storage: { filesystem: { rootdirectory: $tmp/registry } }
http: { addr: 127.0.0.1:0 }
EOF
docker-registry serve "$tmp/registry.yml" >"$tmp/registry.log" 2>&1 &
registry_pid=$!
registry=$(wait_for 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$tmp/registry.log")
image=$registry/team/app:1.0
echo "$registry" | show

step 'A developer builds an image from scratch and pushes it, not signed yet.'
mkdir "$tmp/rootfs"
echo 'hello' >"$tmp/rootfs/greeting"
tar -C "$tmp/rootfs" -c . | node_podman import --quiet - "$image" >/dev/null
node_podman push --quiet --tls-verify=false "$image"
node_podman rmi --force "$image" >/dev/null
echo "$image" | show

step 'The team has a signing key, and an empty git repository for its signatures.'
gpg --batch --quiet --pinentry-mode loopback --passphrase '' --quick-generate-key "$signer" rsa3072 sign never 2>/dev/null
gpg --batch --quiet --export --armor "$signer" >"$tmp/signer.asc"
git init --quiet --bare --initial-branch=main "$tmp/signatures.git"
git clone --quiet "$tmp/signatures.git" "$tmp/checkout" 2>/dev/null
in_checkout() { git -C "$tmp/checkout" -c user.name=Demo -c user.email=demo@example.com "$@"; }
in_checkout commit --quiet --allow-empty --message 'start'
in_checkout push --quiet origin HEAD:main
gpg --batch --quiet --list-keys --with-colons "$signer" 2>/dev/null | awk -F: '$1 == "fpr" { print "key " $10; exit }' | show

step 'Lookaside serves that repository.'
openssl rand -hex 32 >"$tmp/webhook-secret"
node "$lookaside" serve "$tmp/signatures.git" --keys "$tmp/signer.asc" \
  --webhook-secret-file "$tmp/webhook-secret" --state-dir "$tmp/state" \
  --listen 127.0.0.1:0 --status-listen 127.0.0.1:0 --poll 0s \
  >"$tmp/access.log" 2>"$tmp/lookaside.log" &
lookaside_pid=$!
store=$(wait_for 's/^lookaside: serving .* on \(http:[^ ]*\).*/\1/p' "$tmp/lookaside.log")
status=$(wait_for 's/.*"status":"\(http:[^"]*\)".*/\1/p' "$tmp/lookaside.log")
grep '^lookaside: ' "$tmp/lookaside.log" | show
echo "for operators: $status" | show

step 'A node is told where the signatures are and whose it accepts.'
cat >"$config/registries.d/lookaside.yaml" <<EOF
docker:
  $registry:
    lookaside: $store
EOF
cat >"$config/policy.json" <<EOF
{
  "default": [{ "type": "insecureAcceptAnything" }],
  "transports": {
    "docker": {
      "$registry": [{ "type": "signedBy", "keyType": "GPGKeys", "keyPath": "$tmp/signer.asc" }]
    }
  }
}
EOF
show <"$config/registries.d/lookaside.yaml"

pull() { node_podman pull --quiet --tls-verify=false "$image" 2>&1; }

step 'The node pulls the image. It is not signed, so the pull is refused:'
if answer=$(pull); then die 'the unsigned image was accepted'; fi
printf '%s\n' "$answer" | grep -o 'Source image rejected: .*' | head -n 1 | show

explain() { node "$lookaside" explain "$image" --server "$status"; }

step 'The operator asks why (lookaside explain):'
if answer=$(explain); then die "explain says that the unsigned image would be accepted: $answer"; fi
printf '%s\n' "$answer" | show

step 'The developer signs it with skopeo; the signature lands in the checkout.'
printf 'docker:\n  %s:\n    lookaside-staging: file://%s\n' "$registry" "$tmp/checkout" >"$tmp/signer.d/staging.yaml"
skopeo --insecure-policy --registries.d "$tmp/signer.d" copy --quiet --src-tls-verify=false \
  --dest-tls-verify=false --sign-by "$signer" "docker://$image" "docker://$image"
(cd "$tmp/checkout" && find . -name 'signature-*') | show

step 'commit, push, and the webhook that GitHub would send.'
in_checkout add .
in_checkout commit --quiet --message 'team/app:1.0: sign'
in_checkout push --quiet origin HEAD:main
body=$(printf '{"ref":"refs/heads/main","after":"%s"}' "$(in_checkout rev-parse HEAD)")
hmac=$(printf '%s' "$body" | openssl dgst -sha256 -hmac "$(cat "$tmp/webhook-secret")" | sed 's/.*= //')
curl --silent --show-error --data "$body" --header 'Content-Type: application/json' \
  --header 'X-GitHub-Event: push' --header "X-Hub-Signature-256: sha256=$hmac" "$store/webhook" | show
echo
wait_for '/"reason":"webhook"/p' "$tmp/lookaside.log" >/dev/null

step 'The node pulls again, and now accepts:'
answer=$(pull) || die "the signed image was refused: $answer"
printf 'pulled %s\n' "$answer" | show

step 'What the nodes asked (200: a signature; 404 on signature-1: a refused pull; 404 behind the last: normal):'
# Lines are written together, the last of a pull among them.
wait_for '/signature-2 /p' "$tmp/access.log" >/dev/null
show <"$tmp/access.log"

go_on() {
  # As a node of the demo, with nobody else's settings.
  cat >"$tmp/pull" <<EOF
#!/bin/sh
export HOME='$HOME' XDG_RUNTIME_DIR='$XDG_RUNTIME_DIR'
exec podman --root '$tmp/storage' --runroot '$tmp/run' --storage-driver vfs pull --tls-verify=false "\${1:-$image}"
EOF
  step 'Everything goes on running.'
  show <<EOF
store:     $store/
status:    $status/
registry:  $registry
git:       $tmp/signatures.git, with a checkout in $tmp/checkout
pull:      sh $tmp/pull
explain:   node $lookaside explain $image --server $status
processes: $$ (this script), $lookaside_pid (lookaside), $registry_pid (registry)
stop:      Ctrl-C here, or from elsewhere: kill $$
EOF
  trap 'exit 0' HUP INT TERM
  wait "$lookaside_pid" || :
  die "lookaside ended: $(tail -n 3 "$tmp/lookaside.log")"
}

if [ -n "$keep" ]; then
  go_on
else
  step 'Done. The registry, the store, the keys and the image go with the temporary directory.'
fi
