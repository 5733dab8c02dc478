from collections.abc import Mapping

from sqlalchemy import Connection, text


def seed(connection: Connection, scale: int) -> Mapping[str, int]:
    """Load ``scale`` times a hundred customers with three orders each; safe to repeat."""
    customers = connection.execute(
        text(
            "insert into customers (email, name) select 'c' || n || '@example.org', 'Customer ' || n "
            "from generate_series(1, 100 * :scale) n on conflict do nothing"
        ),
        {"scale": scale},
    )
    orders = connection.execute(
        text(
            "insert into orders (customer_id, total_cents) select c.id, 100 * n from customers c, generate_series(1, 3) n "
            "where not exists (select from orders o where o.customer_id = c.id)"
        )
    )
    return {"customers": customers.rowcount, "orders": orders.rowcount}
