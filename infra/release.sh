#!/usr/bin/env bash
# A self-contained archive for linux-x64 and its bill of materials: runs on a Debian 12 without .NET.
#   infra/release.sh [OUTPUT_FOLDER]     writes monitoring-VERSION-linux-x64.tar.gz, .sha256 and monitoring-VERSION.cdx.json (default: artifacts/release)
# infra/check-release.sh ARCHIVE proves it: the files against the bill of materials, then a start and a call without .NET.
# Needs the registry for the runtime packs (Microsoft.NETCore.App.Runtime.linux-x64, Microsoft.AspNetCore.App.Runtime.linux-x64).
set -euo pipefail
cd "$(dirname "$0")/.."
output=$(realpath -m "${1:-artifacts/release}")
version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' Directory.Build.props)
epoch=$(git log -1 --format=%ct)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$output"

# Not trimmed and not one file: Confluent.Kafka breaks when trimmed, and the native libraries lie beside the executable.
dotnet publish services/AllInOne -c Release -r linux-x64 --self-contained true -p:UseAppHost=true -p:ValidateExecutableReferencesMatchSelfContained=false -o "$work/monitoring" -v quiet -nologo
cp LICENSE README.md SECURITY.md "$work/monitoring/"
node infra/sbom.mjs services/AllInOne/obj/project.assets.json infra/natives/package-lock.json "$version" "$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)" "$work/monitoring" > "$output/monitoring-$version.cdx.json"
cp "$output/monitoring-$version.cdx.json" "$work/monitoring/sbom.cdx.json"

# The same commit gives the same bytes but for what the compiler leaves open.
archive="$output/monitoring-$version-linux-x64.tar.gz"
tar --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner -C "$work" -cf - monitoring | gzip -n > "$archive"
(cd "$output" && sha256sum "$(basename "$archive")" "monitoring-$version.cdx.json" > "monitoring-$version.sha256")
ls -l "$output"
