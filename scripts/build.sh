#!/bin/sh
# Compiles to dist/. The new files are made beside it and take its place when they are complete, so that
# commands which run from this clone meanwhile find their files. A build that fails leaves dist/ as it
# was, and nothing else.
set -eu

cd "$(dirname "$0")/.."
# On the file system of dist/, so that it can be renamed.
work=$(mktemp -d dist.XXXXXX)
new=$work/new
old=$work/old

clean_up() {
  if [ -e "$old" ] && [ ! -e dist ]; then mv "$old" dist; fi
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

node_modules/.bin/tsc -p tsconfig.build.json --outDir "$new"
# What modules read from files beside them: scripts for shells, and what pages are made of.
for room in "$new"/*; do find "${room##*/}" -type f ! -name '*.ts'; done |
  while IFS= read -r file; do
    mkdir -p "$new/$(dirname "$file")"
    cp "$file" "$new/$file"
  done
chmod +x "$new/cli/main.js"

# In one process, so that dist/ is missing for a moment only. mv would move the new one into a dist/ that
# another build has put there meanwhile; this fails.
node -e '
  const [dist, old, next] = process.argv.slice(1);
  if (fs.existsSync(dist)) fs.renameSync(dist, old);
  fs.renameSync(next, dist);
' dist "$old" "$new" || {
  echo 'build: dist/ cannot be replaced; if another build has just replaced it, build again' >&2
  exit 1
}
