// Asks TypeORM what it would change: {"cases": [{"name", "url", "folder", "use"}]}, each folder with compiled entities. Returns
// {name: {"changes": [SQL], "used"}}, where "used" is what the function of the module "use" made of the DataSource.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import "reflect-metadata";
import { DataSource } from "typeorm";

const { cases } = JSON.parse(readFileSync(0, "utf8"));
const found = {};
for (const { name, url, folder, use } of cases) {
  const load = createRequire(join(folder, "index.js"));
  const source = new DataSource({ type: "postgres", url, entities: load("./index.js").entities });
  try {
    await source.initialize();
    // What migration:generate runs.
    const { upQueries } = await source.driver.createSchemaBuilder().log();
    found[name] = { changes: upQueries.map(({ query }) => query) };
    if (use) found[name].used = await load(`./${use}`).default(source);
  } catch (error) {
    found[name] = { changes: [], ...found[name], error: `${error.stack}` };
  }
  if (source.isInitialized) await source.destroy();
}
console.log(JSON.stringify(found));
