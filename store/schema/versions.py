"""Versions of the layout of parts, and which columns each brought."""

SCHEMA_VERSION = 3
"""Version of the layout of parts. Those of an older one are read with NULL in the columns that came
since (`lacking`); those of any other are refused."""

ADDED: dict[int, dict[str, tuple[str, ...]]] = {
    # Towers without a class token.
    2: {
        "layer_stat": (
            "received_entropy",
            "received_shift",
            "mean_resid_norm",
            "mean_update_norm",
            "mean_attn_norm",
            "mean_mlp_norm",
            "mean_attn_share",
            "mean_cos_prev",
        ),
        "head_stat": ("received_entropy", "mean_contribution_norm", "mean_contribution_share"),
    },
    # Pictures that keep their shape: the patches of each.
    3: {"image": ("grid_rows", "grid_columns")},
}
"""Version -> table -> the columns that it brought."""


def lacking(table: str, version: int) -> tuple[str, ...]:
    """The columns of a table that parts of a version do not have: they are NULL in all their rows.

    Raises:
        ValueError: there is no such version, or it is a later one.
    """
    if not 1 <= version <= SCHEMA_VERSION:
        raise ValueError(f"schema version must be in 1..{SCHEMA_VERSION}; got {version}.")
    return tuple(
        column
        for since, tables in ADDED.items()
        if since > version
        for column in tables.get(table, ())
    )
