"""A target of somebody else's: every column with its comment as a table for spreadsheets."""

import csv
import io

from seachange.errors import TargetFailedError
from seachange.sync.target import Artefact, Target, header


def emit(schema, request):
    delimiter = request.options.get("delimiter", ",")
    if len(delimiter) != 1:
        raise TargetFailedError(
            f"option delimiter of target dictionary: {delimiter!r} is not one character", hint='for example delimiter = ";"'
        )
    text = io.StringIO()
    text.writelines(f"# {line}\n" for line in header(schema, target="dictionary"))
    rows = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    rows.writerow(["table", "column", "type", "nullable", "comment"])
    for table in schema.tables:
        for column in table.columns:
            rows.writerow([table.qualified, column.name, column.type.text, column.nullable, column.comment])
    yield Artefact(text=text.getvalue())


TARGET = Target(
    name="dictionary",
    summary="every column with its comment, for spreadsheets",
    path="dictionary.csv",
    emit=emit,
    options={"delimiter": "what stands between two cells"},
)
