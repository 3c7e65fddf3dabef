"""The tables of a search: trials, their epochs, decisions at rungs, and reference lines."""

from tune.tables.columns import (
    CORPUS,
    LINEAR_PATH,
    OBJECTIVE,
    RATE,
    RATE_TARGET,
    STUDY,
    TRIAL,
    Column,
    TableSchema,
)

TRIALS = TableSchema(
    "trials",
    "trial",
    (
        *TRIAL,
        # What the model is.
        Column("arch", "string", "Architecture of the autoencoder."),
        Column(
            "ratio",
            "int32",
            "Nominal ratio: of the bytes of an 8-bit image to those of its code, or of the "
            "elements of image and latent, as rate says.",
            "1",
        ),
        RATE,
        RATE_TARGET,
        Column(
            "latent_channels",
            "int32",
            "Channels of the latent: 256 / ratio for elements, the most that are used for bytes.",
            "1",
        ),
        LINEAR_PATH,
        Column("base_channels", "int32", "Width of the network.", "1"),
        # What it saw.
        Column("mode", "string", "Fidelity: quick for a search, full for a promoted run."),
        *CORPUS,
        Column(
            "split_fingerprint",
            "string",
            "Fingerprint of the split into training, validation and test; scores compare only "
            "where it is equal.",
        ),
        Column("data_fraction", "float64", "Share of the training patches used.", "1"),
        Column("crop_px", "int32", "Side of the square crops trained and scored on.", "px"),
        Column("val_images", "int32", "Validation images that it is scored on.", "1"),
        OBJECTIVE,
        Column("seed", "int64", "Seed of its weights, batches and dropout."),
        # How it was trained.
        Column(
            "proposed_by",
            "string",
            "Who suggested it: hand_set, neighbour:<study> for that study's best, searcher, or "
            "given by a person to tune.train; of a promoted run, its candidate.",
        ),
        Column("learning_rate", "float64", "Highest learning rate.", "1"),
        Column("warmup_epochs", "int32", "Linear rise to the learning rate.", "epochs"),
        Column("weight_decay", "float64", "AdamW's decay of weights.", "1"),
        Column("schedule", "string", "Learning rate after the warmup."),
        Column("gradient_clip", "float64", "Largest norm of the gradient; 0 for no limit.", "1"),
        Column("mse_weight", "float64", "Weight of MSE in the loss.", "1"),
        Column("ssim_weight", "float64", "Weight of 1 - SSIM in the loss.", "1"),
        Column("dropout", "float64", "Share of channels dropped while training.", "1"),
        Column("batch_size", "int32", "Images per optimiser step.", "1"),
        Column(
            "micro_batch",
            "int32",
            "Images per backward pass where memory asked for fewer; missing for whole batches.",
            "1",
            nullable=True,
        ),
        Column("max_epochs", "int32", "Epochs that it would run if never stopped.", "epochs"),
        Column("precision", "string", "Arithmetic of the forward pass: fp32 or bf16."),
        Column("channels_last", "bool", "Whether tensors lay in channels-last order."),
        # What it cost to hold.
        Column("num_parameters", "int64", "Trainable parameters of the model.", "1"),
        Column("device", "string", "Where it trained: cpu or cuda."),
        Column(
            "host",
            "string",
            "Name of the node that it ran on; missing for a rejected trial, and in studies of "
            "earlier releases.",
            nullable=True,
            is_added=True,
        ),
        Column(
            "card",
            "string",
            "CUDA card that it ran on, as its maker calls it; missing on a CPU, and where host is.",
            nullable=True,
            is_added=True,
            came_with="host",
        ),
        Column(
            "predicted_peak_mib",
            "float64",
            "Peak memory predicted before the start, of what measured_peak_mib measures; missing "
            "without a prediction.",
            "MiB",
            nullable=True,
        ),
        Column(
            "gpu_fraction",
            "float64",
            "Share of the card's usable memory that was reserved for it; 0 on a CPU.",
            "1",
        ),
        # How it ended.
        Column(
            "outcome",
            "string",
            "How it ended: completed, stopped, diverged, out_of_memory, rejected, failed or "
            "interrupted; missing while it runs.",
            nullable=True,
        ),
        Column(
            "reason",
            "string",
            "Why it ended so; missing while it runs and for a completed trial.",
            nullable=True,
        ),
        Column(
            "failures",
            "int32",
            "Times that its worker died or hung; after the first it continued from its last epoch.",
            "1",
        ),
        Column("epochs_finished", "int32", "Epochs that it finished.", "epochs"),
        # What it reached: all "best" values come from one epoch.
        Column(
            "best_epoch",
            "int32",
            "Epoch of the highest validation score by the objective, which all best values come "
            "from; missing, like them, before the first epoch.",
            "epochs",
            nullable=True,
        ),
        Column(
            "best_val_psnr_db",
            "float64",
            "Validation PSNR at the best epoch, mean over images: what the search maximises by "
            "default.",
            "dB",
            nullable=True,
        ),
        Column(
            "best_val_ssim",
            "float64",
            "Validation SSIM at the best epoch, mean over images.",
            "1",
            nullable=True,
        ),
        Column(
            "best_val_ms_ssim",
            "float64",
            "Validation MS-SSIM at the best epoch, mean over images; missing also where it is not "
            "the objective.",
            "1",
            nullable=True,
            is_added=True,
            came_with="objective",
        ),
        Column(
            "best_val_mse",
            "float64",
            "Validation MSE at the best epoch, mean over images, of values in [0, 1].",
            "1",
            nullable=True,
        ),
        Column(
            "best_val_loss",
            "float64",
            "Validation loss at the best epoch; compares only between equal loss weights.",
            "1",
            nullable=True,
        ),
        Column(
            "best_train_psnr_db",
            "float64",
            "Training PSNR at the best epoch.",
            "dB",
            nullable=True,
        ),
        Column(
            "psnr_gap_db",
            "float64",
            "Training minus validation PSNR at the best epoch; large when it over-fits.",
            "dB",
            nullable=True,
        ),
        Column(
            "last_val_psnr_db",
            "float64",
            "Validation PSNR at the last finished epoch.",
            "dB",
            nullable=True,
        ),
        Column(
            "last_val_ssim",
            "float64",
            "Validation SSIM at the last finished epoch.",
            "1",
            nullable=True,
        ),
        # What it cost.
        Column("train_s", "float64", "Time spent in training, all finished epochs.", "s"),
        Column("val_s", "float64", "Time spent in validation, all finished epochs.", "s"),
        Column(
            "wall_s",
            "float64",
            "Running time of the study from its start to its end, or to its last epoch while it "
            "runs.",
            "s",
        ),
        Column(
            "wait_s",
            "float64",
            "Part of wall_s that passed before a worker started it: it waited for one, or for "
            "memory of the card.",
            "s",
        ),
        Column("started_at", "timestamp", "When it was handed to a worker."),
        Column("ended_at", "timestamp", "When it ended; missing while it runs.", nullable=True),
        Column(
            "measured_peak_mib",
            "float64",
            "Highest memory measured in any epoch; missing before the first epoch.",
            "MiB",
            nullable=True,
        ),
        Column(
            "memory_method",
            "string",
            "How memory was measured: cuda_peak for what torch allocated, rss_growth for the "
            "growth of the process; missing before the first epoch.",
            nullable=True,
        ),
        Column(
            "concurrent_with",
            "string",
            "Numbers of the trials that ran beside it at any time, joined by commas; empty if it "
            "ran alone.",
        ),
    ),
)

EPOCHS = TableSchema(
    "epochs",
    "trial and finished epoch",
    (
        *TRIAL,
        Column("epoch", "int32", "Number of the epoch, from 1.", "epochs"),
        Column("train_loss", "float64", "Training loss, mean over images.", "1"),
        Column("train_mse", "float64", "Training MSE, mean over images.", "1"),
        Column("train_ssim", "float64", "Training SSIM, mean over images.", "1"),
        Column("train_psnr_db", "float64", "Training PSNR, mean over images.", "dB"),
        Column("val_loss", "float64", "Validation loss of the scored weights.", "1"),
        Column("val_mse", "float64", "Validation MSE of the scored weights.", "1"),
        Column("val_ssim", "float64", "Validation SSIM of the scored weights.", "1"),
        Column(
            "val_psnr_db",
            "float64",
            "Validation PSNR of the scored weights, mean over images: what trials are compared by "
            "where it is the objective; for bytes at rate_bpp.",
            "dB",
        ),
        Column(
            "val_ms_ssim",
            "float64",
            "Validation MS-SSIM of the scored weights, mean over images; missing where it is not "
            "the objective.",
            "1",
            nullable=True,
            is_added=True,
        ),
        Column(
            "rate_bpp",
            "float64",
            "Rate of the validation images as the model's own rate model estimates it; missing "
            "where latents are not quantised in training.",
            "bit/px",
            nullable=True,
            is_added=True,
        ),
        RATE_TARGET,
        Column(
            "multiplier",
            "float64",
            "What a bit per pixel counted in the loss of the epoch; missing likewise.",
            "1",
            nullable=True,
            is_added=True,
        ),
        Column("learning_rate", "float64", "Learning rate at the end of the epoch.", "1"),
        Column("gradient_norm", "float64", "Mean norm of the gradient before clipping.", "1"),
        Column("train_s", "float64", "Time spent in training.", "s"),
        Column("val_s", "float64", "Time spent in validation.", "s"),
        Column("num_samples", "int64", "Training images seen in the epoch.", "1"),
        Column("samples_per_s", "float64", "Training images per second.", "1/s"),
        Column("measured_peak_mib", "float64", "Highest memory measured up to this epoch.", "MiB"),
        Column("memory_method", "string", "How memory was measured."),
        Column("recorded_at", "timestamp", "When the epoch was reported to the search."),
    ),
)

RUNGS = TableSchema(
    "rungs",
    "decision: trial and rung",
    (
        *TRIAL,
        Column("rung", "int32", "Number of the rung, from 0 for the earliest.", "1"),
        Column("rung_epoch", "int32", "Epoch at which this rung compares.", "epochs"),
        OBJECTIVE,
        Column(
            "value",
            "float64",
            "Validation score of the trial at that epoch by the objective, in dB for psnr.",
            "dB or 1",
        ),
        Column(
            "cutoff",
            "float64",
            "Value needed to continue; missing while the rung has too few values to judge.",
            "dB or 1",
            nullable=True,
        ),
        Column("num_values", "int32", "Values that the rung had seen, this one included.", "1"),
        Column("kept", "bool", "Whether the trial continued."),
        Column(
            "audited",
            "bool",
            "Whether it continued although it was worse than the cutoff, so that the study can say "
            "how often stopping is wrong; later rungs do not see it.",
        ),
    ),
)

REFERENCES = TableSchema(
    "references",
    "reference line of a study",
    (
        STUDY,
        *CORPUS,
        Column("split", "string", "Split that it was scored on."),
        Column("crop_px", "int32", "Side of the square crops scored on.", "px"),
        Column("ratio", "int32", "Nominal ratio, of what rate says.", "1"),
        RATE,
        Column(
            "reference",
            "string",
            "Codec: block_klt, the linear optimum per 16x16 block; down_up, area downsampling and "
            "bicubic upsampling; or jpeg2000.",
        ),
        Column(
            "rate_bpp",
            "float64",
            "Mean rate of the images; missing where nothing is quantised.",
            "bit/px",
            nullable=True,
            is_added=True,
        ),
        Column("psnr_db", "float64", "PSNR, mean over images.", "dB"),
        Column("ssim", "float64", "SSIM, mean over images.", "1"),
        Column("num_images", "int32", "Images scored.", "1"),
    ),
)
