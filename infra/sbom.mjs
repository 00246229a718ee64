// CycloneDX 1.5 of what a publish of services/AllInOne contains, from the restored packages.
//   node infra/sbom.mjs PROJECT_ASSETS_JSON NATIVES_PACKAGE_LOCK_JSON VERSION [TIMESTAMP [FOLDER]] > sbom.cdx.json
// Packages with their SHA-512, the native libraries with the integrity hash of the npm package they come from, and with FOLDER every file in it with its SHA-256.
// Sorted, so that equal inputs give equal files.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createHash } from "node:crypto";

const [assetsFile, lockFile, version, timestamp, folder] = process.argv.slice(2);
if (!version) {
  console.error("usage: node infra/sbom.mjs PROJECT_ASSETS_JSON NATIVES_PACKAGE_LOCK_JSON VERSION [TIMESTAMP [FOLDER]]");
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

// Downloaded as a whole, so not among the libraries: the SHA-512 of the package as the client keeps it beside it.
const downloaded = (name, release) => {
  const file = Object.keys(assets.packageFolders ?? {}).map(f => join(f, name.toLowerCase(), release, `${name.toLowerCase()}.${release}.nupkg.sha512`)).find(existsSync);
  const purl = `pkg:nuget/${name}@${release}`;
  components.push({ type: "library", "bom-ref": purl, name, version: release, purl, ...(file ? { hashes: [{ alg: "SHA-512", content: hex(readFileSync(file, "utf8").trim()) }] } : {}) });
};

// A self-contained archive ships the runtime.
for (const framework of Object.values(assets.project?.frameworks ?? {})) {
  for (const pack of framework.downloadDependencies ?? []) {
    if (/\.Runtime\./.test(pack.name)) downloaded(pack.name, /\[([^,\]]+)/.exec(pack.version)[1]);
  }
}

// Its managed assembly comes by PackageDownload too; infra/natives checks its SHA-512.
const kafka = /Confluent\.Kafka" Version="([^"]+)"/.exec(readFileSync(new URL("../Directory.Packages.props", import.meta.url), "utf8"));
if (kafka && !components.some(c => c.name === "Confluent.Kafka")) {
  downloaded("Confluent.Kafka", kafka[1]);
}

components.sort((a, b) => (a.purl < b.purl ? -1 : 1));
const dependencies = components.filter(c => c.purl.startsWith("pkg:nuget/")).map(c => ({
  ref: c.purl,
  dependsOn: Object.keys(assets.targets[target][`${c.name}/${c.version}`]?.dependencies ?? {}).map(d => purlOf.get(d.toLowerCase())).filter(Boolean).sort(),
}));
const root = { type: "application", "bom-ref": `pkg:generic/monitoring@${version}`, name: "monitoring", version, licenses: [{ license: { id: "Apache-2.0" } }] };
const files = folder
  ? readdirSync(folder, { recursive: true, withFileTypes: true }).filter(e => e.isFile()).map(e => join(e.parentPath ?? e.path, e.name)).sort().map(path => {
      const name = path.slice(folder.replace(/\/+$/, "").length + 1);
      return { type: "file", "bom-ref": `file:${name}`, name, hashes: [{ alg: "SHA-256", content: createHash("sha256").update(readFileSync(path)).digest("hex") }] };
    })
  : [];
const digest = createHash("sha256").update(JSON.stringify([components, files])).digest("hex");
const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-a${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
console.log(JSON.stringify({
  bomFormat: "CycloneDX",
  specVersion: "1.5",
  serialNumber: `urn:uuid:${uuid}`,
  version: 1,
  metadata: { ...(timestamp ? { timestamp } : {}), component: root },
  components: [...components, ...files],
  dependencies: [{ ref: root["bom-ref"], dependsOn: components.map(c => c.purl) }, ...dependencies],
}, null, 2));
