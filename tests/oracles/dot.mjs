// Graphviz itself, compiled to WebAssembly: reads a graph from stdin and prints the picture, as `dot -Tsvg` does.
import { readFileSync } from "node:fs";
import { Graphviz } from "@hpcc-js/wasm-graphviz";

const graphviz = await Graphviz.load();
process.stdout.write(graphviz.layout(readFileSync(0, "utf8"), "svg", "dot"));
