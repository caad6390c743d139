#!/bin/sh
# Fetches the vendored browser libraries again, at the versions pinned here, with npm. Run it after changing a version,
# then read the difference and bring VENDORED.md up to date. Source-map lines are cut: the maps are not shipped.
set -eu
cd "$(dirname "$0")"
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT

vendor() {
  name=$1 version=$2
  shift 2
  archive=$(npm pack --silent --pack-destination "$unpacked" "$name@$version")
  tar -xzf "$unpacked/$archive" -C "$unpacked"
  mkdir -p "$name"
  for file in "$@"; do
    sed '/^\/[/*]# sourceMappingURL=/d' "$unpacked/package/$file" >"$name/$(basename "$file")"
  done
  rm -rf "$unpacked/package"
}

vendor modern-normalize 3.0.1 modern-normalize.css license
vendor partysocket 1.3.0 dist/ws.js LICENSE.txt
vendor file-selector 5.0.1 dist/index.js dist/mime-default.js LICENSE
vendor uplot 1.6.32 dist/uPlot.esm.js dist/uPlot.min.css LICENSE
