// CycloneDX 1.5 of what a publish of services/AllInOne contains, from the restored packages.
//   node infra/sbom.mjs PROJECT_ASSETS_JSON NATIVES_PACKAGE_LOCK_JSON VERSION [TIMESTAMP] > sbom.cdx.json
// Packages with their SHA-512, the native libraries with the integrity hash of the npm package they come from. Sorted, so that equal inputs give equal files.
import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";

const [assetsFile, lockFile, version, timestamp] = process.argv.slice(2);
if (!version) {
  console.error("usage: node infra/sbom.mjs PROJECT_ASSETS_JSON NATIVES_PACKAGE_LOCK_JSON VERSION [TIMESTAMP]");
  process.exit(2);
}

const assets = JSON.parse(readFileSync(assetsFile, "utf8"));
const lock = JSON.parse(readFileSync(lockFile, "utf8"));
const target = Object.keys(assets.targets).sort((a, b) => b.length - a.length)[0];
const hex = base64 => Buffer.from(base64, "base64").toString("hex");

const components = [];
const purlOf = new Map();
for (const [key, library] of Object.entries(assets.libraries)) {
  const [name, release] = key.split("/");
  // What only builds (analyzers, code generators) has no runtime assets and is not shipped.
  const used = assets.targets[target][key];
  const shipped = used && Object.keys({ ...used.runtime, ...used.runtimeTargets, ...used.native, ...used.resource }).some(f => !f.endsWith("_._"));
  if (library.type !== "package" || !shipped) continue;
  const purl = `pkg:nuget/${name}@${release}`;
  purlOf.set(name.toLowerCase(), purl);
  components.push({ type: "library", "bom-ref": purl, name, version: release, purl, ...(library.sha512 ? { hashes: [{ alg: "SHA-512", content: hex(library.sha512) }] } : {}) });
}

for (const [path, entry] of Object.entries(lock.packages ?? {})) {
  if (!path.startsWith("node_modules/") || !/onnxruntime|confluentinc/.test(path) || !entry.integrity) continue;
  const name = path.slice("node_modules/".length);
  const [algorithm, digest] = entry.integrity.split(/-(.*)/s);
  const purl = `pkg:npm/${encodeURIComponent(name).replace("%2F", "/")}@${entry.version}`;
  components.push({ type: "library", "bom-ref": purl, name, version: entry.version, purl, description: "native library, built or taken from this package", hashes: [{ alg: algorithm.replace("sha", "SHA-"), content: hex(digest) }] });
}

// Its managed assembly comes by PackageDownload, which the assets file does not list; infra/natives checks its SHA-512.
const kafka = /Confluent\.Kafka" Version="([^"]+)"/.exec(readFileSync(new URL("../Directory.Packages.props", import.meta.url), "utf8"));
if (kafka && !components.some(c => c.name === "Confluent.Kafka")) {
  components.push({ type: "library", "bom-ref": `pkg:nuget/Confluent.Kafka@${kafka[1]}`, name: "Confluent.Kafka", version: kafka[1], purl: `pkg:nuget/Confluent.Kafka@${kafka[1]}` });
}

components.sort((a, b) => (a.purl < b.purl ? -1 : 1));
const dependencies = components.filter(c => c.purl.startsWith("pkg:nuget/")).map(c => ({
  ref: c.purl,
  dependsOn: Object.keys(assets.targets[target][`${c.name}/${c.version}`]?.dependencies ?? {}).map(d => purlOf.get(d.toLowerCase())).filter(Boolean).sort(),
}));
const root = { type: "application", "bom-ref": `pkg:generic/monitoring@${version}`, name: "monitoring", version, licenses: [{ license: { id: "Apache-2.0" } }] };
const digest = createHash("sha256").update(JSON.stringify(components)).digest("hex");
const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-a${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
console.log(JSON.stringify({
  bomFormat: "CycloneDX",
  specVersion: "1.5",
  serialNumber: `urn:uuid:${uuid}`,
  version: 1,
  metadata: { ...(timestamp ? { timestamp } : {}), component: root },
  components,
  dependencies: [{ ref: root["bom-ref"], dependsOn: components.map(c => c.purl) }, ...dependencies],
}, null, 2));
