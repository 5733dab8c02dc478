// Real rows through drizzle-orm: node drizzle_rows.mjs <folder> <url>; <folder> has the compiled schema.js and relations.js of the project
// tests/projects/nasty. Prints what was inserted and read back as JSON, where a BigInt is "1n" and a Buffer its hexadecimal digits.
import { createRequire } from "node:module";
import { join } from "node:path";

const [folder, url] = process.argv.slice(2);
const require = createRequire(join(folder, "schema.js"));
const { drizzle } = require("drizzle-orm/node-postgres");
const { eq, sql } = require("drizzle-orm");
const pg = require("pg");
const schema = require("./schema.js");
const relations = require("./relations.js");

const pool = new pg.Pool({ connectionString: url, options: "-c timezone=UTC" });
const db = drizzle(pool, { schema: { ...schema, ...relations } });

const everything = {
  small: 1, whole: 2, big: 9007199254740991, exact: "1.50", price: "10.20", digits: "12345", single: 0.5, ratio: 0.1, cash: "$12.50",
  flag: true, code: "abc", letter: "x", byte: "y", word: "word", words: "words", body: "it's `a` ${b} \\", nick: "Nick", raw: Buffer.from([0, 255]),
  born: "2000-01-02", opens: "08:30:00", opensExactly: "08:30:00.123", opensThere: "08:30:00+02", happened: "2024-01-02 03:04:05.123456",
  happenedExactly: "2024-01-02 03:04:05.123", since: "2024-01-02 03:04:05.123456+00", sinceSecond: "2024-01-02 03:04:05+00", lasting: "1 day 02:00:00",
  lastingExactly: "1 day 02:00:00.123", token: "00000000-0000-0000-0000-000000000001", data: { a: [1, "x"] }, document: "only a string",
  net: "127.0.0.1", block: "10.0.0.0/8", hardware: "08:00:2b:01:02:03", hardware8: "08:00:2b:01:02:03:04:05", bitOne: "1", bits: "10101010",
  moreBits: "101", place: [1, 2], way: "((0,0),(1,1))", area: "((0,0),(1,1),(1,0))", round: { x: 0, y: 0.5, radius: 1 }, room: "(1,1),(0,0)", search: "'a':1",
  wanted: "'a' & 'b'", object: 42, lsn: "16/B374D848", span: "[1,10)", bigSpan: "[1,10)", exactSpan: "[1.5,2.5]",
  stay: '["2024-01-01 00:00:00+00","2024-02-01 00:00:00+00")', localStay: '["2024-01-01 00:00:00","2024-02-01 00:00:00")', days: "[2024-01-01,2024-02-01)",
  ownSpan: "[0.5,1.5)", spans: "{[1,3),[5,7)}", stays: "{}", feeling: 'it\'s "complicated"', strictness: "lenient", contact: "a@example.com",
  office: "b@example.com", count: 7, owed: "12.50", marks: ["a", 'b"c', "d,e"], called: "short", home: '("Street 1",12345,DE,2020-01-01)',
  tags: ["a", "b c", 'd"e'], matrix: [[1, 2], [3, 4]], prices: ["1.50", "2.00"], codes: ["a", "b"], tokens: ["00000000-0000-0000-0000-000000000002"],
  moments: ["2024-01-02 03:04:05.123+00"], feelings: ["happy", "", "so so"], contacts: ["c@example.com"], homes: ["(Street,1,DE,)"],
  documents: [{ a: 1 }], flags: [true, false],
};

try {
  const missing = Object.keys(schema.everything).filter((name) => name !== "id" && name !== "enableRLS" && !(name in everything));
  const [written] = await db.insert(schema.everything).values(everything).returning();
  const [read] = await db.select().from(schema.everything).where(eq(schema.everything.contact, "A@EXAMPLE.COM"));
  const [changed] = await db.update(schema.everything).set({ raw: Buffer.from("z"), marks: null, count: 8 }).returning();
  const [defaults] = await db.insert(schema.defaults).values({ search: undefined }).returning();

  const [department] = await db.insert(schema.departments).values({ name: "care" }).returning();
  const [head] = await db.insert(schema.employees).values({ departmentId: department.id, name: "Ana", email: "ana@example.com" }).returning();
  await db.insert(schema.employees).values({ departmentId: department.id, managerId: head.id, name: "Leo", email: "leo@example.com" });
  await db.update(schema.departments).set({ headId: head.id });
  const company = await db.query.departments.findFirst({
    columns: { name: true },
    with: {
      head: { columns: { name: true } },
      employeesByDepartment: { columns: { name: true, email: true }, with: { manager: { columns: { name: true } } }, orderBy: schema.employees.id },
    },
  });

  const [product] = await db.insert(schema.products).values({ sku: "12345678", name: "ball", price: "10.00" }).returning();
  await db.insert(schema.tags).values([{ name: "red" }, { name: "round" }]);
  await db.insert(schema.productTags).values([{ productId: product.id, tagName: "red" }, { productId: product.id, tagName: "round" }]);
  const [customer] = await db.insert(schema.customers).values({ email: "c@example.com", name: "Cy", home: "(S,1,DE,)" }).returning();
  await db.insert(schema.customerProfiles).values({ customerId: customer.id, picture: Buffer.from("pic") });
  const tagged = await db.query.products.findMany({
    columns: { name: true, gross: true, price: true },
    with: { productTags: { columns: {}, with: { tagNameTags: true } } },
  });
  const profile = await db.query.customers.findFirst({ columns: { name: true }, with: { customerProfiles: true } });

  const [address] = await db.insert(schema.addresses).values({ customerId: customer.id, street: "S", zip: "1" }).returning();
  const placed = { customerId: customer.id, billingAddressId: address.id, placedAt: "2024-06-01 00:00:00+00" };
  await db.insert(schema.orders).values(placed);
  const recent = await db.select().from(schema.recentOrders);
  const odds = await db.select().from(schema.theViewInBackOffice);
  const views = [recent.map((row) => row.placedAt), odds.map((row) => [row.from, row.aB])];
  const odd = { id: 1, id2: 2, twoWords: "a", twoWords2: "b", label: "*/" };
  const [named] = await db.insert(schema.mixedCaseInNames).values(odd).returning();

  const same = Object.fromEntries(Object.keys(everything).filter((name) => !equal(read[name], everything[name])).map((name) => [name, [everything[name], read[name]]]));
  const answer = {
    missing, different: same, again: Object.keys(written).filter((name) => !equal(written[name], read[name])),
    changed: [changed.raw, changed.marks, changed.count], defaults, company, tagged, profile: { ...profile, customerProfiles: { ...profile.customerProfiles, customerId: null } },
    views, named: Object.fromEntries(Object.keys(odd).map((name) => [name, named[name]])), sum: (await db.select({ n: sql`count(*)::int` }).from(schema.everything))[0].n,
  };
  process.stdout.write(JSON.stringify(answer, (_, value) => (typeof value === "bigint" ? `${value}n` : value)));
} finally {
  await pool.end();
}

function equal(left, right) {
  const plain = (value) => JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? `${inner}n` : inner));
  return plain(left) === plain(right);
}
