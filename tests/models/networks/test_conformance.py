"""What every architecture must do, whoever wrote it: one suite over the registry.

A new architecture is tested here by being registered; test_parameters_equal_the_table then asks
for its row. What only a network can do is asked of those that have one; an architecture without one
is tested from its start, the block KLT, because before it its weights are zero.
"""

import copy
from functools import cache

import pytest
import torch
from torch import nn

from models.coding.linear import fit_block_klt
from models.errors import ModelError
from models.footprint.weightless import build_weightless
from models.registry import ARCHITECTURES, ModelConfig, build_model, count_parameters
from models.shapes import RATIOS
from models.training.linear_start import LinearStart

pytestmark = pytest.mark.slow

RATIOS_DESCENDING = (64, 32, 16, 8, 4)
WIDTHS = (16, 32, 48, 64)
PARAMETERS = {  # by architecture and base channels, for ratios 64, 32, 16, 8, 4
    ("baseline", 16): (142_053, 154_857, 180_465, 231_681, 334_113),
    ("baseline", 32): (540_101, 565_705, 616_913, 719_329, 924_161),
    ("baseline", 48): (1_194_149, 1_232_553, 1_309_361, 1_462_977, 1_770_209),
    ("baseline", 64): (2_104_197, 2_155_401, 2_257_809, 2_462_625, 2_872_257),
    ("resnet", 16): (1_404_489, 1_415_185, 1_437_441, 1_485_409, 1_595_169),
    ("resnet", 32): (5_584_361, 5_605_297, 5_648_033, 5_736_961, 5_928_641),
    ("resnet", 48): (12_539_785, 12_570_961, 12_634_177, 12_764_065, 13_037_665),
    ("resnet", 64): (22_270_761, 22_312_177, 22_395_873, 22_566_721, 22_922_241),
    ("residual", 16): (1_494_153, 1_501_105, 1_517_601, 1_560_961, 1_689_153),
    ("residual", 32): (5_952_329, 5_964_913, 5_992_673, 6_058_561, 6_231_809),
    ("residual", 48): (13_374_985, 13_393_201, 13_432_225, 13_520_641, 13_738_945),
    ("residual", 64): (23_762_121, 23_785_969, 23_836_257, 23_947_201, 24_210_561),
    ("attention", 16): (1_506_073, 1_513_041, 1_529_569, 1_573_121, 1_702_081),
    ("attention", 32): (5_996_217, 6_008_817, 6_036_609, 6_102_689, 6_276_705),
    ("attention", 48): (13_472_473, 13_490_705, 13_529_761, 13_618_369, 13_837_441),
    ("attention", 64): (23_934_841, 23_958_705, 24_009_025, 24_120_161, 24_384_289),
}
"""The predecessor's trainable parameters: the same topology has the same number, exactly."""

NETWORKS = [name for name, architecture in ARCHITECTURES.items() if architecture.has_network]
every_architecture = pytest.mark.parametrize("arch", list(ARCHITECTURES))
every_network = pytest.mark.parametrize("arch", NETWORKS)


def make_model(arch, *, ratio=16, base_channels=8, dropout=0.0, seed=0):
    model = build_model(ModelConfig(arch, ratio, base_channels, dropout), seed=seed)
    if model.path is not None:
        make_start().apply(model.path)
    return model


@cache
def make_start():
    """The block KLT of 256 blocks like those that the tests see."""
    klt = fit_block_klt(make_images(16, 64, 64)[:, 0].numpy(), 256)
    return LinearStart(klt.mean, klt.basis, klt.variances, num_blocks=256)


@cache
def make_model_once(arch):
    """For what leaves no trace in a model."""
    return make_model(arch)


def make_images(num_images=4, height=32, width=32, seed=0):
    """Edges and slopes in [0, 1], another picture each."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(num_images, 1, height // 8, width // 8, generator=generator)
    return nn.functional.interpolate(coarse, scale_factor=8, mode="bilinear").clamp(0, 1)


def train(model, x, *, num_steps, learning_rate=2e-3):
    """Adam on the mean squared error of one batch; the losses of the steps."""
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    losses = []
    for _ in range(num_steps):
        optimizer.zero_grad()
        loss = (model(x)[0] - x).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@every_network
@pytest.mark.usefixtures("zero_weights")
@pytest.mark.parametrize("base_channels", WIDTHS)
def test_parameters_equal_the_table(arch, base_channels):
    models = [build_weightless(ModelConfig(arch, r, base_channels)) for r in RATIOS_DESCENDING]
    assert tuple(map(count_parameters, models)) == PARAMETERS[arch, base_channels]


@every_architecture
@pytest.mark.parametrize("base_channels", [1, 8, 12, 24])
def test_other_widths_work(arch, base_channels):
    x = make_images(2)
    assert make_model(arch, base_channels=base_channels)(x)[0].shape == x.shape


@every_architecture
@pytest.mark.parametrize("ratio", [*RATIOS, 1, 256])
def test_ratio_is_input_elements_per_latent_element(arch, ratio):
    x = make_images(2, 32, 48)
    _, latent = make_model(arch, ratio=ratio)(x)
    assert latent.numel() * ratio == x.numel()


@every_architecture
@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 64), (48, 32), (80, 112)])
def test_every_multiple_of_16_comes_back_in_its_shape(arch, height, width):
    x = torch.rand(2, 1, height, width)
    x_hat, latent = make_model(arch)(x)
    assert x_hat.shape == x.shape
    assert latent.shape == (2, 16, height // 16, width // 16)


@every_architecture
@pytest.mark.parametrize(("height", "width"), [(15, 16), (17, 16), (64, 65), (250, 256), (0, 16)])
def test_other_sides_are_refused(arch, height, width):
    with pytest.raises(ModelError, match=f"multiples of 16, found {height} x {width}: crop"):
        make_model_once(arch)(torch.rand(1, 1, height, width))


@every_architecture
@pytest.mark.parametrize("shape", [(1, 2, 32, 32), (1, 0, 32, 32), (1, 32, 32), (1, 1, 1, 32, 32)])
def test_other_than_one_channel_is_refused(arch, shape):
    with pytest.raises(ModelError, match=r"shape \(N, 1, H, W\), found .*one polarisation"):
        make_model_once(arch)(torch.rand(shape))


@every_architecture
def test_same_seed_gives_same_weights(arch):
    first, second = make_model(arch).state_dict(), make_model(arch).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@every_network
def test_another_seed_gives_other_weights(arch):
    first, second = make_model(arch), make_model(arch, seed=1)
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert any(not torch.equal(p, q) for p, q in pairs)


@every_architecture
def test_same_input_gives_same_output(arch):
    model, x = make_model(arch).eval(), make_images()
    assert torch.equal(model(x)[0], model(x)[0])


@every_architecture
def test_images_of_a_batch_do_not_see_each_other_in_evaluation(arch):
    model, x = make_model(arch).eval(), make_images(3)
    torch.testing.assert_close(model(x)[0][:1], model(x[:1])[0], atol=1e-5, rtol=1e-5)


@every_architecture
def test_input_is_left_unchanged(arch):
    x = make_images()
    before = x.clone()
    make_model(arch)(x)[0].sum().backward()
    assert torch.equal(x, before)


@every_network
def test_reconstruction_starts_near_one_half(arch):
    """No pixel starts where the sigmoid is flat."""
    x_hat, _ = make_model(arch, base_channels=16)(make_images(8, 64, 64))
    assert 0.2 < x_hat.min() < 0.5 < x_hat.max() < 0.8


@every_network
def test_reconstruction_stays_in_the_unit_interval(arch):
    """Also for weights and inputs that no training reaches."""
    model = make_model(arch)
    with torch.no_grad():
        model.head.weight.mul_(1e4)
        x_hat, _ = model(100 * torch.randn(2, 1, 32, 32))
    assert x_hat.min() == 0
    assert x_hat.max() == 1


@every_architecture
def test_latent_takes_both_signs_in_every_channel(arch):
    """No rectifier and no sigmoid stands behind it."""
    _, latent = make_model(arch)(make_images(8, 64, 64))
    assert (latent.amin(dim=(0, 2, 3)) < 0).all()
    assert (latent.amax(dim=(0, 2, 3)) > 0).all()


@every_architecture
def test_latent_is_unbounded(arch):
    """It grows with the input without limit, so nothing squashes it."""
    model, x = make_model(arch).eval(), make_images()
    assert model.encode(1e6 * x).abs().max() > 1e3 * model.encode(x).abs().max()


@every_architecture
def test_decoding_the_latent_gives_the_reconstruction(arch):
    model, x = make_model(arch).eval(), make_images()
    x_hat, latent = model(x)
    assert torch.equal(model.decode(latent), x_hat)


@every_architecture
def test_gradient_reaches_every_parameter(arch):
    """Within three steps: what starts at zero gets its gradient from the second one on."""
    model, x = make_model(arch, dropout=0.1), make_images()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    untouched = dict(model.named_parameters())
    for _ in range(3):
        optimizer.zero_grad()
        (model(x)[0] - x).square().mean().backward()
        optimizer.step()
        untouched = {n: p for n, p in untouched.items() if p.grad is None or not p.grad.any()}
    assert not untouched


@every_architecture
def test_one_batch_is_overfitted(arch):
    """To a quarter of the error of the best constant image, in 36 steps."""
    x = make_images(2)
    constant_error = x.var(correction=0).item()
    assert train(make_model(arch), x, num_steps=36)[-1] < 0.25 * constant_error


@every_architecture
def test_saved_and_loaded_weights_give_the_same_reconstruction(arch, tmp_path):
    model, x = make_model(arch), make_images()
    train(model, x, num_steps=2)
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    loaded = make_model(arch, seed=1)
    loaded.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(loaded.eval()(x)[0], model.eval()(x)[0])


@every_architecture
def test_copies_share_nothing(arch):
    """Averaged weights are a deep copy that lives beside the live ones."""
    model, x = make_model(arch), make_images()
    copied = copy.deepcopy(model).eval()
    before = copied(x)[0]
    train(model, x, num_steps=1)
    assert torch.equal(copied(x)[0], before)


@every_network
def test_dropout_changes_training_only(arch):
    x = make_images()
    plain, dropping = make_model(arch), make_model(arch, dropout=0.5)
    assert not torch.equal(plain(x)[0], dropping(x)[0])
    dropping.load_state_dict(plain.state_dict())
    assert torch.equal(plain.eval()(x)[0], dropping.eval()(x)[0])


@every_architecture
def test_no_dropout_leaves_the_layer_out(arch):
    assert not any(isinstance(module, nn.Dropout2d) for module in make_model_once(arch).modules())


@every_network
def test_norms_keep_running_statistics_that_can_be_averaged(arch):
    """The scored weights average them too; a norm without them cannot be scored steadily."""
    norms = [
        m for m in make_model(arch).modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)
    ]
    assert norms
    assert all(norm.running_mean.is_floating_point() for norm in norms)


@every_architecture
def test_bf16_autocast_returns_the_input_dtype(arch):
    x = make_images()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x_hat, _ = make_model(arch)(x)
    assert x_hat.dtype == x.dtype
