// Lets the programs of this folder import the packages by name, wherever they are installed: `node --import=_packages.mjs?file:///.../node_modules`.
import { register } from "node:module";

export async function initialize(folder) {
  packages = folder;
}

export async function resolve(specifier, context, next) {
  const bare = !specifier.startsWith(".") && !specifier.startsWith("/") && !specifier.includes(":");
  const here = context.parentURL?.startsWith(new URL(".", import.meta.url).href);
  return next(specifier, bare && here ? { ...context, parentURL: packages } : context);
}

let packages;
const given = new URL(import.meta.url).search.slice(1);
if (given) register(new URL(import.meta.url.split("?")[0]), { data: given });
