-- name: sales
-- Return every customer with what they spent; None for those who bought nothing.
select c.id, c.name, c.nickname, count(p.id) as purchases, sum(p.price) as spent, max(p.id) as latest
from customers c left join purchases p on p.customer_id = c.id
group by c.id
order by c.id;

-- name: buy!
insert into purchases (customer_id, price) values (:customer_id, :price);
