// Runs {"url", "queries": {name: sql}} by node-postgres, and returns the rows of each as texts of TypeScript with the same values.
import { readFileSync } from "node:fs";
import pg from "pg";

const { url, queries } = JSON.parse(readFileSync(0, "utf8"));
const client = new pg.Client({ connectionString: url });
await client.connect();
const found = {};
for (const [name, text] of Object.entries(queries)) found[name] = (await client.query(text)).rows.map(spelled);
await client.end();
console.log(JSON.stringify(found));

function spelled(value) {
  if (value instanceof Date) return `new Date(${value.getTime()})`;
  if (Buffer.isBuffer(value)) return `Buffer.from([${[...value]}])`;
  if (Array.isArray(value)) return `[${value.map(spelled)}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${spelled(one)}`);
  const methods = ["toPostgres", "toISO", "toISOString"].filter((name) => typeof value[name] === "function");
  return `{ ${[...members, ...methods.map((name) => `${name}: () => ""`)].join(", ")} }`;
}
