"""The tables of replays: what other settings would have made of a study's own curves."""

from tune.tables.columns import STUDY, Column, TableSchema

_SETTING = Column("setting", "string", "How the nights searched, in words.")
_REGRET_HALF = Column(
    "regret_half",
    "float64",
    "Half of its 95 % interval; missing for one night.",
    "objective",
    nullable=True,
)

REPLAYS = TableSchema(
    "replays",
    "setting that was replayed on a study's whole curves; a night is one search in simulated time",
    (
        STUDY,
        _SETTING,
        Column("flags", "string", "The flags of tune.search that set it."),
        Column("objective", "string", "What is maximised: psnr in dB, ssim or ms_ssim."),
        Column("is_own", "bool", "Whether the study itself was searched so."),
        Column("num_configurations", "int32", "Configurations with whole curves.", "1"),
        Column("num_nights", "int32", "Nights.", "1"),
        Column("trials", "int32", "Trials of a night.", "1"),
        Column("max_epochs", "int32", "Epochs of a trial to its end.", "epochs"),
        Column("epochs_spent", "float64", "Mean epochs that a night spent.", "epochs"),
        Column("hours", "float64", "Mean simulated hours of a night.", "h"),
        Column(
            "regret",
            "float64",
            "What the best score of a night lacks to the best of the table, mean over nights.",
            "objective",
        ),
        _REGRET_HALF,
        Column(
            "epochs_to_near",
            "float64",
            "Median epochs until the regret is at most 0.1 dB, 0.003 SSIM or 0.001 MS-SSIM; "
            "missing where most nights never are.",
            "epochs",
            nullable=True,
        ),
        Column(
            "false_stop_rate",
            "float64",
            "Share of the stops that were wrong: run to its end, such a trial reaches the median "
            "score of those that completed; missing where nobody was stopped.",
            "1",
            nullable=True,
        ),
        Column(
            "false_stop_half",
            "float64",
            "Half of its 95 % interval; missing likewise, and for one night.",
            "1",
            nullable=True,
        ),
        Column(
            "lost",
            "float64",
            "Share of the nights in which a stopped trial would have beaten the best score.",
            "1",
        ),
    ),
)

REPLAY_CURVES = TableSchema(
    "replay_curves",
    "setting that was replayed, and share of the full budget",
    (
        STUDY,
        _SETTING,
        Column("share", "float64", "Share of trials x epochs that was spent.", "1"),
        Column("epochs_spent", "float64", "The epochs of that share.", "epochs"),
        Column("hours", "float64", "Mean simulated hours when they were spent.", "h"),
        Column("regret", "float64", "Mean regret there.", "objective"),
        _REGRET_HALF,
    ),
)
