#!/usr/bin/env bash
# Puts the native libraries that NuGet does not carry here into a versioned folder, once per machine and version:
#   fetch.sh onnxruntime DEST   C# API sources and libonnxruntime.so
#   fetch.sh librdkafka DEST    librdkafka.so, compiled from the pinned sources (about 45 s)
# Two builds at once are safe: the work happens in a temporary folder that is renamed under a lock.
set -euo pipefail
what=$1 dest=${2%/}
here=$(cd "$(dirname "$0")" && pwd)
[ -e "$dest/.complete" ] && exit 0

need() { command -v "$1" >/dev/null || { echo "infra/natives: '$1' is missing; on Debian: apt-get install -y $2" >&2; exit 1; }; }
need npm nodejs\ npm
need flock util-linux

mkdir -p "$(dirname "$dest")"
exec 9>"$dest.lock"
flock 9
[ -e "$dest/.complete" ] && exit 0

work=$(mktemp -d "$dest.tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/package-lock.json" "$work/"
(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1) ||
  { echo "infra/natives: npm ci failed:" >&2; tail -n 20 "$work/npm.log" >&2; exit 1; }

mkdir "$work/out"
case $what in
  onnxruntime)
    package=$work/node_modules/com.github.asus4.onnxruntime
    (cd "$package/Runtime" && find . -name '*.cs' -exec cp --parents {} "$work/out" \;)
    cp "$package"/Plugins/Linux/x64/*.so "$work/out/"
    cp "$package/LICENSE" "$package/ThirdPartyNotices.txt" "$work/out/"
    ;;
  librdkafka)
    need gcc gcc; need make make
    package=$work/node_modules/@confluentinc/kafka-javascript/deps/librdkafka
    echo 'infra/natives: compiling librdkafka, about a minute, once' >&2
    (cd "$package" && ./configure --disable-lz4-ext --disable-gssapi && make -j"$(nproc)" libs) >"$work/make.log" 2>&1 ||
      { echo "infra/natives: librdkafka did not compile; on Debian: apt-get install -y gcc make zlib1g-dev libssl-dev" >&2; tail -n 20 "$work/make.log" >&2; exit 1; }
    cp -L "$package/src/librdkafka.so.1" "$work/out/librdkafka.so"
    cp "$package/LICENSES.txt" "$work/out/"
    if ! grep -q '#define WITH_SSL 1' "$package/config.h"; then
      echo 'infra/natives: librdkafka was built without TLS and SASL (libssl-dev is missing); on Debian: apt-get install -y libssl-dev zlib1g-dev, then delete' "$dest" >&2
    fi
    ;;
  *) echo "fetch.sh: unknown '$what': onnxruntime or librdkafka" >&2; exit 2 ;;
esac
touch "$work/out/.complete"
rm -rf "$dest"
mv "$work/out" "$dest"
