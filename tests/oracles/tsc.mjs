// Compiles the files of a folder strictly: {"folder", "files", "options", "out"} -> the problems; JavaScript goes to "out" if given.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

const { folder, files, options = {}, out } = JSON.parse(readFileSync(0, "utf8"));
const { options: compiler, errors } = ts.convertCompilerOptionsFromJson(
  {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noUnusedLocals: true,
    isolatedModules: true,
    module: "commonjs",
    moduleResolution: "node10",
    target: "es2022",
    types: ["node"],
    typeRoots: [join(folder, "node_modules/@types")],
    skipLibCheck: true,
    noEmit: !out,
    outDir: out,
    rootDir: out && folder,
    ...options,
  },
  folder,
);
const program = ts.createProgram(files.map((file) => join(folder, file)), compiler);
const problems = [...errors, ...ts.getPreEmitDiagnostics(program), ...(out ? program.emit().diagnostics : [])];
const told = problems.map(({ file, start, messageText }) => {
  const line = file ? `${file.fileName.slice(folder.length + 1)}:${ts.getLineAndCharacterOfPosition(file, start).line + 1}: ` : "";
  return line + ts.flattenDiagnosticMessageText(messageText, " ");
});
console.log(JSON.stringify(told));
