-- name: get_customer(id)^
-- Return one customer.
select * from customers where id = :id;

-- name: add_customer<!
insert into customers (name) values (:name) returning id;

-- name: called(name)
-- Return the customers who are called like this.
select
    id,
    name
from customers
where name = :name
   or nickname = :name
order by id;
