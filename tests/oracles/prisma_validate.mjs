// Reads a schema.prisma from stdin and prints as JSON what Prisma's own parser has against it: [] when it is valid.
import { readFileSync } from "node:fs";
import prisma from "@prisma/prisma-schema-wasm";

const schema = readFileSync(0, "utf8");
const problems = JSON.parse(prisma.lint(JSON.stringify([["schema.prisma", schema]])));
try {
  // Some things only the second one finds, a missing datasource for instance.
  if (problems.every((problem) => problem.is_warning))
    prisma.validate(JSON.stringify({ prismaSchema: [["schema.prisma", schema]], noColor: true }));
} catch (error) {
  problems.push({ text: JSON.parse(error.message).message, is_warning: false });
}
console.log(JSON.stringify(problems.map(({ text, is_warning, start, end }) => ({ text, is_warning, start, end }))));
