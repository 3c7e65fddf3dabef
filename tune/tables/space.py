"""The tables of a search's space and of what in it mattered."""

from tune.tables.columns import STUDY, Column, TableSchema

_DIMENSION = Column("dimension", "string", "Name of the searched hyper-parameter.")

DIMENSIONS = TableSchema(
    "dimensions",
    "searched hyper-parameter of a study, in the order of --tune",
    (
        STUDY,
        _DIMENSION,
        Column("kind", "string", "float or int with inclusive bounds, or categorical."),
        Column("low", "float64", "Lower bound; missing for choices.", nullable=True),
        Column("high", "float64", "Upper bound; missing for choices.", nullable=True),
        Column("is_log", "bool", "Whether equal ratios are equally likely."),
        Column("choices", "string", "The choices, joined by commas; empty for bounds."),
        Column("unit", "string", "Unit of the values; empty for names."),
    ),
)

IMPORTANCE = TableSchema(
    "importance",
    "searched hyper-parameter, evaluator and kind of score",
    (
        STUDY,
        _DIMENSION,
        Column("evaluator", "string", "Optuna's evaluator: ped_anova or fanova."),
        Column(
            "score",
            "string",
            "What was explained: first_rung for the score by the objective at that epoch, of all "
            "trials that reached it, or completed for the best one of completed trials.",
        ),
        Column(
            "epoch",
            "int32",
            "Epoch of the first rung; missing for completed.",
            "epochs",
            nullable=True,
        ),
        Column("num_trials", "int32", "Trials that it was evaluated on.", "1"),
        Column("importance", "float64", "Share of the whole, from 0 to 1; sums to 1.", "1"),
    ),
)
