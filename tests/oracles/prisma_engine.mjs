// Prisma's own engine beside a database: one JSON object a line from stdin, one answer a line, {"result": ...} or {"error": ...}.
//
//   {"do": "introspect", "schemas": ["public"], "schema": "..."}  the schema.prisma that it writes; keeps what `schema` renames
//   {"do": "diff", "schema": "...", "external": ["public.x"]}     what separates the database from the file and the file from it, as text;
//                                                                 tables that prisma.config.ts would call external are passed over
//   {"do": "format", "schema": "..."} and {"do": "validate", ...} by Prisma's parser
//   "url": where; "schema" may be left out of introspect. The schemas of a diff are those of the file's datasource.
import { createInterface } from "node:readline";
import { PrismaPg } from "@prisma/adapter-pg";
import { ColumnTypeEnum, bindMigrationAwareSqlAdapterFactory } from "@prisma/driver-adapter-utils";
import parser from "@prisma/prisma-schema-wasm";
import { SchemaEngine } from "@prisma/schema-engine-wasm";
import pg from "pg";

// The adapter refuses columns of type "char", which the engine's own queries return (prisma/orm#27403). They pass under the number of
// their arrays, which no such query returns, and are told as what they are.
const CHAR = 18;
const CHAR_ARRAY = 1002;

// Where the engine leaves the message of a panic, which nothing can catch; it is the last answer.
globalThis.PRISMA_WASM_PANIC_REGISTRY = {
  set_message(message) {
    process.stdout.write(JSON.stringify({ error: `the engine panicked: ${message}` }) + "\n");
  },
};

const files = (content) => ({ files: [{ path: "schema.prisma", content }] });

function datasource(schemas) {
  return `datasource db {\n  provider = "postgresql"\n  schemas = ${JSON.stringify(schemas)}\n}\n`;
}

class Adapter extends PrismaPg {
  async connect() {
    const adapter = await super.connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (query) => {
      const result = await queryRaw(query);
      const { Character, CharacterArray } = ColumnTypeEnum;
      return { ...result, columnTypes: result.columnTypes.map((type) => (type === CharacterArray ? Character : type)) };
    };
    return adapter;
  }
}

function openPool(url) {
  const pool = new pg.Pool({ connectionString: url, allowExitOnIdle: true, max: 1 });
  const query = pool.query.bind(pool);
  pool.query = async (...given) => {
    const result = await query(...given);
    for (const field of result.fields ?? []) if (field.dataTypeID === CHAR) field.dataTypeID = CHAR_ARRAY;
    return result;
  };
  return pool;
}

async function withEngine(url, schema, use) {
  const pool = openPool(url);
  const adapter = bindMigrationAwareSqlAdapterFactory(new Adapter(pool));
  const engine = await SchemaEngine.new({ datamodels: [["schema.prisma", schema]] }, () => {}, adapter);
  try {
    return await use(engine);
  } finally {
    engine.free();
    await pool.end();
  }
}

const actions = {
  async introspect({ url, schemas = ["public"], schema = datasource(schemas), depth = -1 }) {
    return withEngine(url, schema, async (engine) => {
      const found = await engine.introspect({
        schema: files(schema),
        baseDirectoryPath: "/",
        force: false,
        compositeTypeDepth: depth,
        namespaces: schemas,
      });
      return { schema: found.schema.files[0].content, warnings: found.warnings };
    });
  },

  async diff({ url, schema, script = false, external = [] }) {
    return withEngine(url, schema, async (engine) => {
      const file = { tag: "schemaDatamodel", ...files(schema) };
      const database = { tag: "schemaDatasource", configDir: "/", ...files(schema) };
      const compare = (from, to) => engine.diff({ from, to, script, exitCode: true, filters: { externalTables: external, externalEnums: [] } });
      const there = await compare(file, database);
      const back = await compare(database, file);
      return { same: there.exitCode === 0 && back.exitCode === 0, to_database: there.stdout, to_file: back.stdout };
    });
  },

  async format({ schema }) {
    const params = { textDocument: { uri: "file:/schema.prisma" }, options: { tabSize: 2, insertSpaces: true } };
    const edited = JSON.parse(parser.format(JSON.stringify([["schema.prisma", schema]]), JSON.stringify(params)));
    return edited[0][1];
  },

  async validate({ schema }) {
    return JSON.parse(parser.lint(JSON.stringify([["schema.prisma", schema]])));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  if (!line.trim()) continue;
  const question = JSON.parse(line);
  try {
    console.log(JSON.stringify({ result: await actions[question.do](question) }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error?.message ?? error) }));
  }
}
