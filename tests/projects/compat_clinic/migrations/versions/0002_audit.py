"""Write every change of a weight down, and count pets in a view and in functions."""

from alembic import op

revision = "0002"
down_revision = "0001"

WEIGHTS = """
CREATE FUNCTION clinic.note_weight() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  keeper clinic.owners.name%TYPE;
  other record;
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.weight IS DISTINCT FROM OLD.weight THEN
    SELECT name INTO keeper FROM clinic.owners WHERE id = NEW.owner_id;
    INSERT INTO clinic.weights (pet_id, weight, noted_by) VALUES (NEW.id, NEW.weight, keeper);
    FOR other IN SELECT id, weight FROM clinic.pets WHERE owner_id = NEW.owner_id LOOP
      UPDATE clinic.weights SET noted_by = keeper WHERE pet_id = other.id;
    END LOOP;
  END IF;
  RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.execute(
        "CREATE TABLE clinic.weights (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        "pet_id int NOT NULL, weight int, noted_by text)"
    )
    op.execute(WEIGHTS)
    op.execute(
        "CREATE TRIGGER note_weight AFTER UPDATE ON clinic.pets FOR EACH ROW EXECUTE FUNCTION clinic.note_weight()"
    )
    op.execute("CREATE VIEW clinic.pet_names AS SELECT p.id, p.name, o.name AS owner FROM clinic.pets p JOIN clinic.owners o ON o.id = p.owner_id")
    op.execute(
        "CREATE FUNCTION clinic.pets_of(bigint) RETURNS bigint LANGUAGE sql STABLE AS "
        "'SELECT count(*) FROM clinic.pets WHERE owner_id = $1'"
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION clinic.pets_of(bigint)")
    op.execute("DROP VIEW clinic.pet_names")
    op.execute("DROP TRIGGER note_weight ON clinic.pets")
    op.execute("DROP FUNCTION clinic.note_weight()")
    op.execute("DROP TABLE clinic.weights")
