// drizzle-kit beside databases. Reads {"folder": ..., "cases": {name: {"url", "schemas", "tables", "omit"}}} from stdin; <folder>/<name>/schema.ts is
// the schema to judge, "tables" is drizzle-kit's tablesFilter, "omit" names the tables that it overlooks. Answers {name: {"proposed": [...], "created": [...]}}:
//   proposed  the statements of `drizzle-kit generate` against the snapshot that `drizzle-kit pull` leaves of the database
//   created   those against nothing
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const { folder, cases } = JSON.parse(await text(process.stdin));
const require = createRequire(join(folder, "package.json"));
const { generateDrizzleJson, generateMigration } = require("drizzle-kit/api");
const typescript = require("typescript");

// The types are judged elsewhere.
require.extensions[".ts"] = (module, path) => {
  const compilerOptions = { module: typescript.ModuleKind.CommonJS, target: typescript.ScriptTarget.ES2022 };
  module._compile(typescript.transpileModule(readFileSync(path, "utf8"), { compilerOptions }).outputText, path);
};

async function pull(name, { url, schemas, tables }) {
  const place = join(folder, `pulled_${name}`);
  mkdirSync(place);
  const config = { dialect: "postgresql", out: "./out", dbCredentials: { url }, schemaFilter: schemas, tablesFilter: tables };
  writeFileSync(join(place, "drizzle.config.json"), JSON.stringify(config));
  const child = spawn(process.execPath, [join(folder, "node_modules", "drizzle-kit", "bin.cjs"), "pull"], { cwd: place });
  const said = await text(child.stdout);
  try {
    return JSON.parse(readFileSync(join(place, "out", "meta", "0000_snapshot.json"), "utf8"));
  } catch {
    // It ends with 0 whatever happens.
    throw new Error(`drizzle-kit pull wrote no snapshot of ${name}: ${said.slice(-500)}`);
  }
}

// Of the identity columns of partitions it writes what it does not read.
function readable(snapshot) {
  for (const table of Object.values(snapshot.tables)) {
    for (const column of Object.values(table.columns)) if (column.identity?.name === null) delete column.identity;
  }
  return snapshot;
}

async function judge([name, given]) {
  const pulled = readable(await pull(name, given));
  const declared = require(join(folder, name, "schema.ts"));
  const filtered = Object.entries(declared).filter(([, value]) => !given.omit.includes(value?.[Symbol.for("drizzle:Name")]));
  const ours = generateDrizzleJson(Object.fromEntries(filtered), pulled.id, given.schemas);
  const created = await generateMigration(generateDrizzleJson({}), generateDrizzleJson(declared, undefined, given.schemas));
  return [name, { proposed: await generateMigration(pulled, ours), created }];
}

const answers = await Promise.all(Object.entries(cases).map(judge));
// More than a pipe holds is written later.
process.stdout.write(JSON.stringify(Object.fromEntries(answers)), () => process.exit(0));
