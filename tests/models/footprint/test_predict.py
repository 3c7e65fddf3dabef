import dataclasses
import math
from weakref import WeakSet

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import footprint as benchmark
from models.errors import ModelError
from models.footprint import step as step_memory
from models.footprint.predict import UNCALIBRATED, Calibration, fit_micro_batch, predict_footprint
from models.footprint.step import simulate_step
from models.metrics.ssim import ssim_per_image
from models.registry import ARCHITECTURES, ModelConfig, build_model
from models.training.config import TrainConfig
from models.training.losses import LossWeights, training_loss
from models.training.session import build_optimizer

pytestmark = pytest.mark.slow

MIB = 2**20
every_architecture = pytest.mark.parametrize("arch", list(ARCHITECTURES))
FOR_BYTES = {"linear_path": True, "rate": "bytes", "latent_channels": 24}
with_and_without_bytes = pytest.mark.parametrize("options", [{}, FOR_BYTES], ids=["plain", "bytes"])
every_precision = pytest.mark.parametrize("precision", ["fp32", "bf16"])


def measure_saved_bytes(config, patch_px, batch_size, precision, layout):
    """What autograd really keeps, every storage once, weights and buffers left out."""
    model = build_model(config, seed=0).to(memory_format=layout)
    owned = {t.untyped_storage().data_ptr() for t in [*model.parameters(), *model.buffers()]}
    x = torch.rand(batch_size, 1, patch_px, patch_px)
    kept = WeakSet()

    def note(tensor):
        saved = Saved(tensor)
        kept.add(saved)
        return saved

    with torch.autograd.graph.saved_tensors_hooks(note, lambda saved: saved.tensor):
        weights = LossWeights(0.5, 0.5, 1.0)
        loss = training_loss(model, x, weights, is_bf16=precision == "bf16").loss
    storages = {s.data_ptr(): s.nbytes() for s in (k.tensor.untyped_storage() for k in kept)}
    del loss  # until here it holds what is kept; what hangs on a detached tensor is gone before
    return sum(num_bytes for place, num_bytes in storages.items() if place not in owned)


@dataclasses.dataclass(eq=False)
class Saved:
    tensor: torch.Tensor


def measure_peak_mib(config, train_config, patch_px, monkeypatch):
    """The allocator's peak; how large anything is does not depend on where a path starts."""
    return benchmark.measure_peak_mib(config, train_config, patch_px)


@every_architecture
@with_and_without_bytes
@every_precision
@pytest.mark.usefixtures("zero_weights")
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_saved_bytes_are_those_that_autograd_keeps_in_either_layout(
    arch, options, precision, layout
):
    config = ModelConfig(arch, ratio=16, base_channels=8, **options)
    measured = measure_saved_bytes(config, 32, 2, precision, layout)
    assert simulate_step(config, 32, 2, precision, accumulates=False).saved_bytes == measured


@every_architecture
@with_and_without_bytes
@pytest.mark.usefixtures("zero_weights")
def test_our_shape_rules_count_what_torchs_count(arch, options, monkeypatch):
    asked = ModelConfig(arch, ratio=16, base_channels=12, dropout=0.1, **options), 48, 3, "fp32"
    ours = simulate_step.__wrapped__(*asked, accumulates=True)
    monkeypatch.setattr(step_memory, "SHAPE_RULES", {})
    assert simulate_step.__wrapped__(*asked, accumulates=True) == ours


@every_architecture
@pytest.mark.usefixtures("zero_weights")
def test_saved_bytes_are_exact_at_the_greatest_width(arch):
    config = ModelConfig(arch, ratio=16, base_channels=64)
    measured = measure_saved_bytes(config, 16, 2, "fp32", torch.contiguous_format)
    assert simulate_step(config, 16, 2, "fp32", accumulates=False).saved_bytes == measured


@every_architecture
@with_and_without_bytes
def test_saved_bytes_are_exact_with_dropout_and_at_odd_sizes(arch, options):
    config = ModelConfig(arch, ratio=64, base_channels=5, dropout=0.1, **options)
    measured = measure_saved_bytes(config, 48, 3, "fp32", torch.contiguous_format)
    assert simulate_step(config, 48, 3, "fp32", accumulates=False).saved_bytes == measured


@every_architecture
def test_saved_bytes_grow_with_the_square_of_the_side_up_to_full_size(arch):
    # Everything saved is as large as the image, but for SSIM's six maps of (P - 10)² and for what
    # has one value per channel or image. The rest is quadratic in P, to the byte.
    config = ModelConfig(arch, ratio=16, base_channels=8)

    def saved_bytes(patch_px):
        ssim_bytes = 2 * 6 * 4 * (patch_px - 10) ** 2
        step = simulate_step(config, patch_px, 2, "fp32", accumulates=False)
        return step.saved_bytes - ssim_bytes

    at_32, at_64, at_256 = saved_bytes(32), saved_bytes(64), saved_bytes(256)
    assert (at_256 - at_32) * (64**2 - 32**2) == (at_64 - at_32) * (256**2 - 32**2)


def test_saved_bytes_grow_by_the_same_amount_with_every_image():
    config = ModelConfig("baseline", ratio=16, base_channels=8)
    one, two, three = (
        simulate_step(config, 32, n, "fp32", accumulates=False).saved_bytes for n in (1, 2, 3)
    )
    assert three - two == two - one


@every_architecture
@with_and_without_bytes
def test_weights_gradients_and_optimiser_are_those_of_the_real_ones(arch, options):
    config = ModelConfig(arch, ratio=16, base_channels=8, **options)
    model = build_model(config, seed=0)
    optimizer = build_optimizer(model, TrainConfig())
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    states = [value for state in optimizer.state.values() for value in state.values()]
    footprint = predict_footprint(config, 32, 2, "fp32")
    assert footprint.num_parameters == sum(p.numel() for p in model.parameters())
    assert footprint.weights_mib * MIB == sum(t.nbytes for t in model.state_dict().values())
    assert footprint.gradients_mib * MIB == sum(p.nbytes for p in model.parameters())
    assert footprint.optimizer_mib * MIB == sum(t.nbytes for t in states)
    assert footprint.average_mib == footprint.weights_mib


@every_architecture
@with_and_without_bytes
def test_macs_are_half_of_the_operations_that_torch_counts_in_convolutions(arch, options):
    config = ModelConfig(arch, ratio=16, base_channels=8, **options)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        build_model(config, seed=0)(torch.zeros(1, 1, 32, 32))
    expected = counter.get_flop_counts()["Global"][torch.ops.aten.convolution]
    assert 2 * predict_footprint(config, 32, 2, "fp32").macs == expected


def test_macs_of_the_baseline_follow_its_diagram():
    b, c, pixels = 8, 16, 32 * 32
    encoder = 25 * (b / 4 + 2 * b * b / 16 + 8 * b * b / 64 + 4 * b * c / 256) * pixels
    decoder = 25 * (4 * b * c / 256 + 8 * b * b / 64 + 2 * b * b / 16 + b / 4) * pixels
    assert (
        predict_footprint(ModelConfig("baseline", 16, b), 32, 2, "fp32").macs == encoder + decoder
    )


@pytest.mark.parametrize(
    ("arch", "base_channels", "patch_px", "batch_size", "precision", "options"),
    [
        ("baseline", 16, 64, 4, "fp32", {}),
        ("baseline", 64, 32, 2, "fp32", {}),
        ("resnet", 8, 32, 2, "fp32", {}),
        ("residual", 8, 32, 2, "fp32", {}),
        ("attention", 8, 32, 2, "fp32", {}),
        ("baseline", 16, 64, 4, "bf16", {}),
        ("linear", 1, 64, 16, "fp32", {}),
        ("linear", 1, 64, 16, "fp32", FOR_BYTES),
        ("linear", 1, 64, 16, "bf16", FOR_BYTES),
        ("baseline", 16, 64, 4, "fp32", FOR_BYTES),
        ("baseline", 16, 64, 4, "bf16", FOR_BYTES),
        ("resnet", 8, 32, 2, "fp32", FOR_BYTES),
        ("residual", 8, 32, 2, "fp32", FOR_BYTES),
        ("attention", 8, 32, 2, "fp32", FOR_BYTES),
    ],
)
def test_the_peak_is_the_allocators_within_five_per_cent(
    arch, base_channels, patch_px, batch_size, precision, options, monkeypatch
):
    config = ModelConfig(arch, 16, base_channels, **options)
    train_config = TrainConfig(batch_size=batch_size, precision=precision)
    measured_mib = measure_peak_mib(config, train_config, patch_px, monkeypatch)
    predicted_mib = predict_footprint(config, patch_px, batch_size, precision).peak_mib
    assert predicted_mib == pytest.approx(measured_mib, rel=0.05)


@pytest.mark.parametrize(("arch", "patch_px"), [("baseline", 128), ("resnet", 32)])
@with_and_without_bytes
def test_the_peak_with_micro_batches_counts_gradients_and_no_whole_batch(
    arch, patch_px, options, monkeypatch
):
    config = ModelConfig(arch, 16, 8, **options)
    train_config = TrainConfig(batch_size=4, micro_batch=1)
    measured_mib = measure_peak_mib(config, train_config, patch_px, monkeypatch)
    footprint = predict_footprint(config, patch_px, 1, "fp32", images_per_step=4)
    assert footprint.peak_mib == pytest.approx(measured_mib, rel=0.05)


def test_more_of_anything_takes_more_memory():
    def peak_mib(base_channels=8, patch_px=32, batch_size=2):
        return predict_footprint(
            ModelConfig("baseline", 16, base_channels), patch_px, batch_size, "fp32"
        ).peak_mib

    assert peak_mib() < min(
        peak_mib(base_channels=9), peak_mib(patch_px=48), peak_mib(batch_size=3)
    )


def test_the_summands_give_the_peak_and_gradients_are_none_of_them():
    footprint = predict_footprint(ModelConfig("baseline", 16, 8), 32, 2, "fp32", device="cuda")
    values = dataclasses.asdict(footprint)
    not_summands = ("num_parameters", "macs", "gradients_mib")
    assert footprint.peak_mib == pytest.approx(
        sum(values.values()) - sum(values[n] for n in not_summands)
    )
    assert footprint.peak_mib - footprint.allocated_mib == pytest.approx(
        UNCALIBRATED["cuda"].context_mib
    )


def test_a_calibration_scales_the_workspace_and_sets_the_context():
    config = ModelConfig("baseline", 16, 8)
    plain = predict_footprint(config, 32, 2, "fp32")
    calibrated = predict_footprint(config, 32, 2, "fp32", calibration=Calibration(1.5, 300.0, 64.0))
    expected = dataclasses.replace(
        plain, workspace_mib=1.5 * plain.workspace_mib, fixed_mib=64.0, context_mib=300.0
    )
    assert calibrated == expected


@every_precision
def test_predicting_disturbs_neither_training_nor_the_random_numbers(precision):
    state = torch.get_rng_state()
    predict_footprint(ModelConfig("baseline", 16, 4, dropout=0.1), 80, 2, precision)
    assert torch.equal(torch.get_rng_state(), state)
    x = torch.rand(1, 1, 80, 80)
    assert type(ssim_per_image(x, x)) is torch.Tensor
    assert ssim_per_image(x, x).tolist() == pytest.approx([1.0])


def test_fitting_takes_the_largest_divisor_within_the_budget():
    config = ModelConfig("resnet", 16, 8)

    def peak_mib(micro_batch):
        return predict_footprint(config, 32, micro_batch, "fp32", images_per_step=4).peak_mib

    assert fit_micro_batch(config, 32, 4, "fp32", peak_mib(4)) == 4
    assert fit_micro_batch(config, 32, 4, "fp32", math.nextafter(peak_mib(4), 0)) == 2
    assert fit_micro_batch(config, 32, 4, "fp32", peak_mib(1)) == 1
    assert fit_micro_batch(config, 32, 4, "fp32", math.nextafter(peak_mib(1), 0)) is None


@pytest.mark.parametrize(
    ("patch_px", "batch_size", "precision", "options", "rule"),
    [
        (0, 2, "fp32", {}, "patch_px must be a positive multiple of 16, found 0"),
        (40, 2, "fp32", {}, "patch_px must be a positive multiple of 16, found 40"),
        (32, 0, "fp32", {}, "batch_size must lie between 1 and images_per_step = 0, found 0"),
        (32, 3, "fp32", {"images_per_step": 2}, "images_per_step = 2, found 3"),
        (32, 2, "fp16", {}, "precision must be one of fp32, bf16, found 'fp16'"),
        (32, 2, "fp32", {"device": "mps"}, "predicted for cpu or cuda, the device is 'mps'"),
    ],
)
def test_what_no_training_has_is_refused(patch_px, batch_size, precision, options, rule):
    with pytest.raises(ModelError, match=rule):
        predict_footprint(
            ModelConfig("baseline", 16, 8), patch_px, batch_size, precision, **options
        )
