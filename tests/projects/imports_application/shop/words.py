KINDS = ("private", "business")


def shown(kind: str) -> str:
    return kind.title()
