"""The tables of a promotion: runs, scores per image, verdicts, classical codecs, bounds, pictures.

An image has the same name in every table, so that runs and codecs pair by image.
"""

from tune.tables.columns import CORPUS, STUDY, Column, TableSchema
from tune.tables.search import TRIALS

_CANDIDATE = Column(
    "candidate",
    "string",
    "Configuration that was promoted, within its promotion: c1 for the best of the search, c2, "
    "..., or control for the hand-set one.",
)

_RUN = (
    STUDY,
    Column("run", "string", "Name of the run: the promotion's with candidate and seed."),
    _CANDIDATE,
    Column("seed", "int64", "Seed of its weights, batches and dropout."),
    Column("arch", "string", "Architecture of the autoencoder."),
    Column("ratio", "int32", "Input elements per latent element.", "1"),
    Column("base_channels", "int32", "Width of the network.", "1"),
)

_FOOTING = (
    Column("group", "string", "Sensor group, which has its own bounds."),
    Column("polarisation", "string", "Polarisation: VV, VH, HH or HV."),
    Column("crop_px", "int32", "Side of the square image.", "px"),
    Column("low_db", "float64", "Backscatter that 0 stands for.", "dB"),
    Column("high_db", "float64", "Backscatter that 1 stands for.", "dB"),
)

_IMAGE = (
    Column("image", "string", "Name of the image: scene, row and column of its corner."),
    Column("scene", "string", "Scene that the image was cut from."),
    *_FOOTING,
    Column("mean_db", "float64", "Mean backscatter of the original.", "dB"),
    Column(
        "texture",
        "float64",
        "Coefficient of variation of the original's linear intensity: local contrast.",
        "1",
    ),
)

_RATE = (
    Column(
        "quantiser_step",
        "float64",
        "Step of the quantiser of the latent or the coefficients, the geometric mean where "
        "channels have steps of their own; missing where nothing was quantised, and for codecs "
        "that are set by their rate.",
        "1",
        nullable=True,
    ),
    Column(
        "rate_bpp",
        "float64",
        "All bytes that a decoder needs for this image, per pixel, the model file not counted; "
        "missing where nothing was coded.",
        "bit/px",
        nullable=True,
    ),
)

_SCORES = (
    Column("psnr_db", "float64", "PSNR of the decoded image, of values in [0, 1].", "dB"),
    Column("ssim", "float64", "SSIM, Gaussian window of 11 pixels, of values in [0, 1].", "1"),
    Column(
        "ms_ssim",
        "float64",
        "SSIM over five scales; missing for images of 160 px or less.",
        "1",
        nullable=True,
    ),
    Column("rmse_db", "float64", "Root mean square error of the backscatter.", "dB"),
    Column(
        "bias_db",
        "float64",
        "10 log10 of the decoded over the original mean linear intensity.",
        "dB",
    ),
    Column(
        "enl_ratio",
        "float64",
        "Equivalent number of looks, decoded over original, in the original's smoothest windows; "
        "missing where there are none, or the decoded image is flat in all of them.",
        "1",
        nullable=True,
    ),
    Column(
        "epi",
        "float64",
        "Edge preservation: Pearson correlation of Sobel magnitudes; missing where the original "
        "or the decoded image is constant.",
        "1",
        nullable=True,
    ),
    Column(
        "epi_sattar",
        "float64",
        "Edge preservation after Sattar: correlation of Laplacians; missing where the original "
        "or the decoded image is constant.",
        "1",
        nullable=True,
    ),
)

_IDENTITY = {"study", "trial", "trial_number", "arch", "ratio", "base_channels", "seed"}

RUNS = TableSchema(
    "runs",
    "promoted run: candidate and seed",
    (
        *_RUN,
        Column("run_number", "int32", "Number of the run in its promotion.", "1"),
        Column(
            "rank",
            "int32",
            "Rank of the candidate in the search, from 1; missing for the control.",
            "1",
            nullable=True,
        ),
        Column(
            "source_trial",
            "string",
            "Trial that the configuration comes from; missing for the control.",
            nullable=True,
        ),
        Column(
            "search_val_psnr_db",
            "float64",
            "Validation PSNR of that trial at its best epoch; missing for the control where no "
            "trial had its values.",
            "dB",
            nullable=True,
        ),
        *(column for column in TRIALS.columns if column.name not in _IDENTITY),
    ),
)

VALIDATION = TableSchema(
    "validation",
    "validation image and finished run, at the run's best epoch",
    (
        *_RUN,
        Column("image", "string", "Name of the image: scene, row and column of its corner."),
        Column(
            "psnr_db",
            "float64",
            "PSNR of the reconstruction: unquantised where the study's ratio counts elements, from "
            "bytes at the target rate where it counts bytes.",
            "dB",
        ),
    ),
)

VERDICTS = TableSchema(
    "verdicts",
    "candidate of a promotion",
    (
        STUDY,
        Column("arch", "string", "Architecture of the autoencoder."),
        Column("ratio", "int32", "Input elements per latent element.", "1"),
        *CORPUS,
        _CANDIDATE,
        Column("place", "int32", "Place by mean validation PSNR, from 1.", "1"),
        Column("num_seeds", "int32", "Seeds that were run to their end.", "1"),
        Column("val_psnr_db", "float64", "Validation PSNR, mean over seeds.", "dB"),
        Column(
            "val_psnr_low_db",
            "float64",
            "Lower end of its 95 % interval over seeds; missing with one seed.",
            "dB",
            nullable=True,
        ),
        Column(
            "val_psnr_high_db",
            "float64",
            "Upper end of its 95 % interval over seeds; missing with one seed.",
            "dB",
            nullable=True,
        ),
        *(
            Column(
                f"{name}_{part}_db",
                "float64",
                f"{text}: {doc}; missing where there is nothing to compare with.",
                "dB",
                nullable=True,
            )
            for name, text in (
                ("control_gain", "Paired difference to the control"),
                ("rival_gain", "Paired difference to the best other candidate"),
            )
            for part, doc in (
                ("mean", "mean over seeds and images"),
                ("low", "lower end of its 95 % interval"),
                ("high", "upper end of its 95 % interval"),
            )
        ),
        Column(
            "p_best",
            "float64",
            "Share of bootstrap samples in which it is the best; 0 where it was raced out.",
            "1",
        ),
        Column(
            "verdict",
            "string",
            "best, tied (with the best), worse, or raced_out: no further seeds because it was "
            "clearly worse.",
        ),
        Column(
            "shrinkage_db",
            "float64",
            "Score of the search minus promoted score, less the same of the control where it has "
            "both: the winner's curse; missing without a score of the search.",
            "dB",
            nullable=True,
        ),
    ),
)

TEST = TableSchema(
    "test",
    "test image, run and quantiser step",
    (
        *_RUN,
        *CORPUS,
        *_IMAGE,
        *_RATE,
        Column(
            "rate_target_bpp",
            "float64",
            "Rate that the runs of the promotion are coded for, 8 / ratio; missing where the ratio "
            "counts elements.",
            "bit/px",
            nullable=True,
            is_added=True,
        ),
        Column(
            "step_scale",
            "float64",
            "Factor on the steps with which the run meets the target rate on validation images: "
            "1 for that point; missing where nothing was quantised, and without a target.",
            "1",
            nullable=True,
            is_added=True,
        ),
        Column(
            "estimate_bpp",
            "float64",
            "Rate that the coder's tables expect, without header; missing where nothing was coded.",
            "bit/px",
            nullable=True,
            is_added=True,
        ),
        *_SCORES,
    ),
)

CODECS = TableSchema(
    "codecs",
    "test image, classical codec and target",
    (
        STUDY,
        *CORPUS,
        Column(
            "codec",
            "string",
            "jpeg2000, hevc_intra, avif, or a linear reference: block_klt or down_up.",
        ),
        Column(
            "ratio",
            "int32",
            "Nominal ratio: input elements per stored element of a linear reference, 8 bit over "
            "the target rate of a codec.",
            "1",
        ),
        *_IMAGE,
        *_RATE,
        *_SCORES,
    ),
)

BOUNDS = TableSchema(
    "bounds",
    "footing of test images (group, polarisation, bounds), spectrum and rate",
    (
        STUDY,
        *CORPUS,
        *_FOOTING,
        Column(
            "spectrum_of",
            "string",
            "Images whose mean power spectrum it is: test, those that codecs and runs are scored "
            "on, or train, training images of the same group.",
        ),
        Column("num_images", "int32", "Images that the spectrum was estimated from.", "1"),
        Column("rate_bpp", "float64", "Rate.", "bit/px"),
        Column(
            "psnr_db",
            "float64",
            "PSNR of the mean squared error that a Gaussian field of this spectrum has at least "
            "at that rate, of values in [0, 1]; a mean of PSNRs of images is a bit higher.",
            "dB",
        ),
    ),
)

PICTURES = TableSchema(
    "pictures",
    "picture of a test image: the original, or decoded by a run or codec",
    (
        STUDY,
        Column("ratio", "int32", "Nominal ratio.", "1"),
        Column("source", "string", "original, jpeg2000, or the architecture that decoded it."),
        Column("run", "string", "Run that decoded it; missing for others.", nullable=True),
        Column("image", "string", "Name of the image: scene, row and column of its corner."),
        Column(
            "chosen_as",
            "string",
            "Rule that chose the image by the PSNR of the block KLT at this ratio: best, "
            "upper_quartile, median, lower_quartile or worst.",
        ),
        Column("height_px", "int32", "Height.", "px"),
        Column("width_px", "int32", "Width.", "px"),
        Column("pixels", "binary", "Values in [0, 1] as bytes 0 to 255, row by row."),
        Column("psnr_db", "float64", "PSNR; missing for the original.", "dB", nullable=True),
        Column(
            "rate_bpp",
            "float64",
            "Bytes that a decoder needs, per pixel; missing where nothing was coded.",
            "bit/px",
            nullable=True,
        ),
    ),
)
