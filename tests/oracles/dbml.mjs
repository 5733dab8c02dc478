// DBML's own parser: answers each line of JSON, {"text"}, with the tables, references and enums that it read.
import { createInterface } from "node:readline";
import { Parser } from "@dbml/core";

const value = (one) => (one ? `${one.type} ${one.value}` : "");
const ends = (ref) => ref.endpoints.map((end) => [end.schemaName ?? "public", end.tableName, end.fieldNames, end.relation]);

function read(text) {
  const { schemas } = new Parser().parse(text, "dbmlv2").export();
  const all = (name) => schemas.flatMap((schema) => schema[name].map((one) => [schema.name, one]));
  return {
    tables: all("tables").map(([schema, table]) => ({
      schema,
      name: table.name,
      note: table.note,
      columns: table.fields.map((field) => ({
        name: field.name,
        type: [field.type.schemaName, field.type.type_name],
        pk: Boolean(field.pk),
        unique: Boolean(field.unique),
        not_null: Boolean(field.not_null),
        increment: Boolean(field.increment),
        default: value(field.dbdefault),
        note: field.note,
      })),
      indexes: table.indexes.map((index) => ({
        name: index.name ?? null,
        type: index.type ?? null,
        pk: Boolean(index.pk),
        unique: Boolean(index.unique),
        columns: index.columns.map((column) => [column.type, column.value]),
      })),
    })),
    enums: all("enums").map(([schema, one]) => [schema, one.name, one.values.map((label) => label.name)]),
    refs: all("refs").map(([, ref]) => [ref.name, ends(ref), ref.onDelete ?? null, ref.onUpdate ?? null]),
    groups: all("tableGroups").map(([, one]) => [one.name, one.tables.map((table) => table.tableName)]),
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { result: read(JSON.parse(line).text) };
  } catch (error) {
    const found = error.diags ?? [error];
    answer = { error: found.map((one) => `${one.location?.start.line ?? ""}: ${one.message}`).join("; ") };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
