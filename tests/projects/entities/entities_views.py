from alembic_utils.pg_function import PGFunction
from alembic_utils.pg_policy import PGPolicy
from alembic_utils.pg_trigger import PGTrigger
from alembic_utils.pg_view import PGView

active_clients = PGView(
    schema="public",
    signature="active_clients",
    definition="SELECT clients.id, clients.name FROM clients WHERE clients.active",
)
shout = PGFunction(
    schema="public",
    signature="shout()",
    definition="RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$",
)
shouting = PGTrigger(
    schema="public",
    signature="shouting",
    on_entity="public.clients",
    definition="BEFORE INSERT ON public.clients FOR EACH ROW EXECUTE FUNCTION public.shout()",
)
own_clients = PGPolicy(
    schema="public",
    signature="own_clients",
    on_entity="public.clients",
    definition="AS PERMISSIVE FOR SELECT TO public USING (active)",
)
ENTITIES = [active_clients, shout, shouting, own_clients]
