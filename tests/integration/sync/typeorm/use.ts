// What a program does with the entities of tests/projects/nasty: compiled strictly, and run on real rows.
import type { DataSource } from "typeorm";
import {
  Addresses,
  Categories,
  Customers,
  Defaults,
  Employees,
  Everything,
  Events,
  LogLines,
  OrderCounts,
  OrderItemNotes,
  OrderItems,
  Orders,
  Products,
  RecentOrders,
  Tags,
} from "./index";

export default async function use(source: DataSource): Promise<unknown> {
  return [await shop(source), await trees(source), await values(source), await odd(source), await refused(source)];
}

async function shop(source: DataSource): Promise<unknown> {
  const manager = source.manager;
  const tags = await manager.save(Tags, [{ name: "round" }, { name: "red" }]);
  const product = await manager.save(Products, { sku: "12345678", name: "Ball", price: "2.50", tags2: tags });
  const customer = await manager.save(Customers, { email: "a@b.c", name: "Ann", feeling: "happy" });
  const billingAddress = await manager.save(Addresses, { customer, street: "Road", zip: "1" });
  const order = await manager.save(Orders, { customer, billingAddress, employeeId: null });
  const item = await manager.save(OrderItems, { orderId: order.id, productId: product.id, quantity: 3, price: "2.50" });
  await manager.save(OrderItemNotes, { orderId: item.orderId, productId: item.productId, body: "fragile" });
  const found = await manager.findOneOrFail(Orders, {
    where: { customer: { email: "A@B.C" } },
    relations: { customer: true, billingAddress: true, shippingAddress: true, orderItems: { product: { tags2: true }, orderItemNotes: true } },
    order: { orderItems: { product: { tags2: { name: "ASC" } } } },
  });
  const [line] = found.orderItems;
  const ball = line?.product;
  return {
    generated: [typeof order.id, product.gross, customer.kind, customer.createdAt instanceof Date],
    customer: found.customer.name,
    street: found.billingAddress.street,
    shipping: found.shippingAddress,
    line: [line?.quantity, ball?.name, ball?.tags2.map((tag) => tag.name), line?.orderItemNotes.map((note) => note.body)],
    back: (await manager.findOneOrFail(Tags, { where: { name: "red" }, relations: { products: true } })).products.length,
  };
}

async function trees(source: DataSource): Promise<unknown> {
  const categories = source.getRepository(Categories);
  const parent = await categories.save({ id: 1, name: "all", path: "/" });
  await categories.save({ id: 2, name: "some", path: "/some", parent });
  const [top] = await categories.find({ where: { id: 1 }, relations: { categoriesByParent: true, parent: true } });
  return [top?.parent, top?.categoriesByParent.map((one) => one.parentId)];
}

async function values(source: DataSource): Promise<unknown> {
  const rows = source.getRepository(Everything);
  const { id } = await rows.save({
    big: "12345678901234567",
    exact: "1.5",
    born: "2024-02-29",
    opens: "08:30:00",
    since: new Date(0),
    lasting: "1 day",
    document: [{ a: 1 }],
    data: { b: [2] },
    raw: Buffer.from("x"),
    place: "(1,2)",
    feeling: "it's \"complicated\"",
    feelings: ["happy", "so so"],
    tags: ["a", 'b"c'],
    home: "(Road,1,de,2024-02-29)",
    contacts: "{a@b.c}",
    count: 2,
  });
  const row = await rows.findOneByOrFail({ id });
  const { big, exact, born, opens, since, lasting, document, data, raw, place, feeling, feelings, tags, home, contacts } = row;
  const days = typeof lasting === "object" ? lasting?.days : lasting;
  const made = await source.getRepository(Defaults).save({ several: 1 });
  return [
    [big, exact, born, opens, since?.getTime(), days, document, data, raw?.toString(), place, feeling, feelings, tags, home, contacts],
    [made.fullName, made.byDefault, made.yes, made.feelings, made.state, made.at instanceof Date],
  ];
}

async function odd(source: DataSource): Promise<unknown> {
  const event = await source.getRepository(Events).save({ at: new Date(Date.UTC(2024, 1, 29)), kind: "seen" });
  await source.createQueryBuilder().insert().into(LogLines).values({ line: "hello" }).execute();
  await source.query("REFRESH MATERIALIZED VIEW order_counts");
  const [recent] = await source.getRepository(RecentOrders).find();
  const [counts] = await source.getRepository(OrderCounts).find();
  const [line] = await source.getRepository(LogLines).find();
  return [typeof event.id, recent?.placedAt instanceof Date, counts?.orders, line?.line, line?.at instanceof Date];
}

async function refused(source: DataSource): Promise<unknown> {
  const customers = source.getRepository(Customers);
  // @ts-expect-error no label of the enum
  customers.create({ feeling: "hungry" });
  // @ts-expect-error no such column
  customers.create({ nickname: "Ann" });
  // @ts-expect-error 64-bit integers are strings
  const id: number = new Orders().id;
  // @ts-expect-error no such relation
  await customers.find({ relations: { pets: true } }).catch(() => []);
  // @ts-expect-error it may be NULL
  const manager: Employees = new Employees().manager;
  return [id, manager];
}
