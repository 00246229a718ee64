#!/usr/bin/env bash
# Proves an archive of infra/release.sh: unpacks it into an empty folder, compares every file with the bill of materials, and runs it there without .NET on the path:
# check, a start, one call, its event found again in the log, a clean stop.
#   infra/check-release.sh ARCHIVE
set -euo pipefail
archive=$(realpath "${1:?usage: infra/check-release.sh ARCHIVE}")
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
say() { echo "check-release: $*"; }
fail() { echo "check-release: $*" >&2; exit 1; }

sums="$(dirname "$archive")/$(basename "$archive" -linux-x64.tar.gz).sha256"
[ ! -e "$sums" ] || (cd "$(dirname "$archive")" && sha256sum --quiet -c "$(basename "$sums")") || fail "the archive is not the one of $(basename "$sums")"
tar -xzf "$archive" -C "$work"
cd "$work"
node - monitoring <<'JS' || fail "the bill of materials does not fit the files"
const { readFileSync, readdirSync } = require("node:fs"), { join } = require("node:path"), { createHash } = require("node:crypto");
const root = process.argv[2], bom = JSON.parse(readFileSync(join(root, "sbom.cdx.json"), "utf8"));
const listed = new Map(bom.components.filter(c => c.type === "file").map(c => [c.name, c.hashes[0].content]));
const found = readdirSync(root, { recursive: true, withFileTypes: true }).filter(e => e.isFile()).map(e => join(e.parentPath ?? e.path, e.name).slice(root.length + 1)).filter(f => f !== "sbom.cdx.json");
const wrong = found.filter(f => listed.get(f) !== createHash("sha256").update(readFileSync(join(root, f))).digest("hex"));
const missing = [...listed.keys()].filter(f => !found.includes(f));
const bare = bom.components.filter(c => !c.hashes?.length).map(c => c.name);
for (const [what, names] of [["not listed, or changed", wrong], ["listed but absent", missing], ["without a hash", bare]]) if (names.length) console.error(`${what}: ${names.slice(0, 10).join(", ")}`);
console.log(`check-release: ${found.length} files and ${bom.components.length - listed.size} packages, all with hashes`);
process.exit(wrong.length || missing.length || bare.length ? 1 : 0);
JS

port=$(node -e 'const s=require("node:net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
cat > monitoring.yaml <<YAML
data: data
api: { listen: ['http://127.0.0.1:$port'] }
models:
  - name: digits
    onnx: { path: monitoring/demo/digits.onnx }
    schema: monitoring/demo/digits.schema.json
YAML
bare() { env -i PATH=/nonexistent HOME="$work" "$work/monitoring/Monitoring.AllInOne" "$@"; }
bare check --config monitoring.yaml > check.txt 2>&1 || { cat check.txt; fail "check failed"; }
env -i PATH=/nonexistent HOME="$work" "$work/monitoring/Monitoring.AllInOne" run --config monitoring.yaml > run.txt 2>&1 &
pid=$!
for _ in $(seq 120); do
  kill -0 "$pid" 2>/dev/null || { cat run.txt; fail "it ended at the start"; }
  curl -sf "http://127.0.0.1:$port/health/ready" > /dev/null && break
  sleep 1
done
body=$(node -e 'console.log(JSON.stringify({inputs:[{name:"image",datatype:"FP32",shape:[1,1,28,28],data:Array(784).fill(0.25)}]}))')
curl -sf "http://127.0.0.1:$port/v2/models/digits/infer" -d "$body" | grep -q '"probabilities"' || { cat run.txt; fail "no answer"; }
curl -sf "http://127.0.0.1:$port/incidents" > /dev/null || fail "no page"
curl -sf "http://127.0.0.1:$port/metrics" | grep -q '^monitoring_' || fail "no metrics"
kill -TERM "$pid"
wait "$pid" || fail "it did not stop cleanly"
pid=
bare search 'model == "digits"' --config monitoring.yaml --json found.json > /dev/null || fail "search failed"
grep -q '"model": *"digits"' found.json || fail "the call is not in the log"
say "starts, answers, keeps and finds its call, stops; no .NET was on the path"
