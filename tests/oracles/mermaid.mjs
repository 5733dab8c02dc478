// Mermaid's own parser: answers each line of JSON, {"text"}, with the entities and relationships that it read.
import { createInterface } from "node:readline";
import mermaid from "mermaid";

mermaid.initialize({ startOnLoad: false });

async function read(text) {
  const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
  return {
    entities: [...db.getEntities()].map(([name, one]) => [name, one.attributes.map(({ type, name, keys }) => [type, name, keys])]),
    edges: db.getRelationships().length,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { result: await read(JSON.parse(line).text) };
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
