"""Every hand-written operation against the plain mathematics that it stands for."""

import dataclasses
import functools
import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor

from bothways.batch import IGNORED
from bothways.model.attention import HIDDEN_SCORE
from bothways.model.dropout import Dropout
from bothways.model.kernels import ATTENTIONS, bits, choose_attention, cross_entropy, explicit, fused
from bothways.model.kernels.cross_entropy import linear_cross_entropy
from bothways.model.kernels.far import Far
from bothways.model.kernels.rows import spread, take
from bothways.model.kernels.runs import Runs

ROWS, HEADS, WIDTH, SEGMENTS = 3, 2, 8, 3
DTYPES = (torch.float64, torch.float32, torch.bfloat16)
every_attention = pytest.mark.parametrize("attend", ATTENTIONS.values(), ids=ATTENTIONS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a call of attention may differ in."""

    relative: bool
    memory: int = 3
    slots: int = 5
    probes: int = 4
    asks: str = "both"
    """Which queries there are: the `slots`, the `probes`, or both."""
    hides: bool = True
    both_ways: bool = False
    """Whether some rows are read backward."""
    rows: int = ROWS
    biased: bool = False
    """Whether what hides holds a learned bias of each head, too."""

    def __str__(self) -> str:
        return " ".join(
            [
                "relative" if self.relative else "plain",
                f"memory {self.memory}",
                self.asks,
                "hiding" if self.hides else "all visible",
                *(["both ways"] if self.both_ways else []),
                *(["biased"] if self.biased else []),
            ]
        )


SHAPES = [
    Shape(relative, memory, asks=asks, hides=hides, both_ways=both_ways)
    for relative, memory, asks, hides, both_ways in itertools.product(
        (False, True), (0, 3), ("slots", "both", "probes"), (False, True), (False, True)
    )
    if relative or not both_ways
] + [Shape(False, 0, asks="both", hides=hides, biased=True) for hides in (False, True)]


@dataclasses.dataclass(frozen=True)
class Call:
    """The arguments of one call of attention; heads lie in memory as projections leave them."""

    leaves: dict[str, Tensor]
    """Those that get a gradient, by name: query, key, value and perhaps placed and encodings."""
    hiding: Tensor | None
    far: Far | None
    weights: Tensor
    """[B, H, Q, D]: what the loss multiplies the result with."""
    sighted: Tensor | None = None
    """bool [B, 1, Q, 1]: which queries see anything; of others no result counts, for attention silences them."""

    @property
    def scale(self) -> float:
        return WIDTH**-0.5

    def by(self, attend, dropout: float = 0.0) -> tuple[Tensor, ...]:
        """Return the result of one implementation and the gradients of all leaves."""
        query, key, value = (self.leaves[name] for name in ("query", "key", "value"))
        mixed = attend(query, key, value, self.hiding, self.scale, dropout, self.far)
        gradients = torch.autograd.grad((mixed * self.weights).sum(), list(self.leaves.values()))
        mixed = mixed.detach()
        return mixed if self.sighted is None else mixed.where(self.sighted, 0), *gradients


def make_call(shape: Shape, dtype: torch.dtype = torch.float64, device: str = "cpu", seed: int = 0) -> Call:
    """Draw the arguments, numbers that every dtype has; where there is hiding, a query or more see nothing.

    No gradient comes back to these: attention silences them, for they get an average of what they must not see.
    """
    generator = torch.Generator().manual_seed(seed)
    keys = shape.memory + shape.slots
    queries = {"slots": shape.slots, "probes": shape.probes, "both": shape.slots + shape.probes}[shape.asks]
    rows, wide = shape.rows, WIDTH + SEGMENTS * shape.relative

    def draw(*sizes: int) -> Tensor:
        return torch.randn(sizes, generator=generator).bfloat16().to(device, dtype)

    def heads(rows: int, length: int, width: int) -> Tensor:
        return draw(rows, length, HEADS, width).transpose(1, 2).requires_grad_()

    leaves = {"query": heads(rows, queries, wide), "key": heads(rows, keys, wide)}
    leaves["value"] = heads(rows, keys, WIDTH)
    far, hiding = None, None
    if shape.relative:
        leaves["placed"] = heads(rows, queries, WIDTH)
        leaves["encodings"] = heads(1 + shape.both_ways, shape.slots + keys - 1, WIDTH)
        probes = torch.randint(0, shape.slots, (rows, shape.probes), generator=generator)
        far = Far(
            leaves["placed"],
            leaves["encodings"],
            shape.slots,
            None if shape.asks == "slots" else probes.to(device),
            (torch.arange(rows, device=device) * 2 // 3) % 2 if shape.both_ways else None,
        )
    if shape.hides:
        hidden = torch.rand(rows, 1, queries, keys, generator=generator) < 0.4
        hidden[0, :, 0] = True
        hiding = torch.zeros(hidden.shape, dtype=dtype).masked_fill_(hidden, HIDDEN_SCORE).to(device)
    weights, sighted = draw(rows, HEADS, queries, WIDTH), None
    if shape.hides:
        sighted = ~hidden.all(-1, keepdim=True).to(device)
        weights.masked_fill_(~sighted, 0)
    if shape.biased:
        bias = draw(rows, HEADS, queries, keys)
        hiding = leaves["hiding"] = (bias if hiding is None else bias + hiding).requires_grad_()
    return Call(leaves, hiding, far, weights, sighted)


def by_hand(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    hiding: Tensor | None,
    scale: float,
    dropout: float,
    far: Far | None,
) -> Tensor:
    """Attention as its paper has it: one row and one query after the other, every distance looked up."""
    assert not dropout
    mixed = []
    for row, asking in itertools.product(range(len(query)), range(query.shape[2])):
        scores = (key[row] @ query[row, :, asking, :, None])[..., 0]
        if far is not None:
            keys = torch.arange(key.shape[2])
            memory = len(keys) - far.slots
            distances = memory + place_of(row, asking, query.shape[2], far) - keys
            way = 0 if far.direction is None else int(far.direction[row])
            encodings = far.encodings[way][:, memory + far.slots - 1 - distances]
            scores = scores + (encodings @ far.placed[row, :, asking, :, None])[..., 0]
        scores = scores * scale
        if hiding is not None:
            scores = scores + hiding[row, :, asking]
        mixed.append((torch.softmax(scores, -1)[:, None] @ value[row])[:, 0])
    return torch.stack(mixed).unflatten(0, (len(query), -1)).transpose(1, 2)


def place_of(row: int, asking: int, queries: int, far: Far) -> int:
    """Return the slot that a query stands at: its own number, or what is said of a probe."""
    first_probe = queries - (0 if far.probes is None else far.probes.shape[1])
    return asking if asking < first_probe else int(far.probes[row, asking - first_probe])


@functools.cache
def truth_of(shape: Shape) -> tuple[Tensor, ...]:
    """Return what every implementation must give."""
    return make_call(shape).by(by_hand)


def assert_near(found: tuple[Tensor, ...], truth: tuple[Tensor, ...], dtype: torch.dtype) -> None:
    """Compare element by element, in bfloat16 by the norm of the error: its numbers have 8 bits, 0.4%."""
    for mine, wanted in zip(found, truth, strict=True):
        assert mine.dtype == dtype
        error = mine.cpu().double() - wanted
        if dtype == torch.bfloat16:
            assert error.norm() < 0.02 * wanted.norm()
        else:
            assert error.abs().max() < {torch.float64: 1e-10, torch.float32: 1e-4}[dtype]


@every_attention
@every_dtype
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients_equal_attention_written_out_by_hand(attend, dtype, shape):
    assert_near(make_call(shape, dtype).by(attend), truth_of(shape), dtype)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_fused_kernels_of_a_gpu_equal_attention_written_out_by_hand(dtype, shape):
    assert_near(make_call(shape, dtype, "cuda").by(fused.attend), truth_of(shape), dtype)


@pytest.mark.parametrize(
    ("slots", "band", "bands"), [(7, 3, 3), (6, 2, 3), (9, 4, 3), (6, 3, 1), (3, 1, 3)], ids=str
)
@pytest.mark.parametrize(("group_rows", "groups"), [(1, 7), (2, 4), (3, 3), (7, 1)], ids=str)
@pytest.mark.parametrize("both_ways", [False, True], ids=["forward", "both ways"])
def test_groups_and_bands_of_any_size_give_the_same(
    slots, band, bands, group_rows, groups, both_ways, monkeypatch
):
    call = make_call(Shape(relative=True, slots=slots, both_ways=both_ways, rows=7))
    at_once = call.by(explicit.attend)
    queries, keys = slots + 4, slots + 3
    monkeypatch.setattr(explicit, "GROUP", group_rows * HEADS * queries * keys)
    monkeypatch.setattr(explicit, "BAND", band)
    assert len(explicit._groups(torch.empty(7, HEADS, queries, keys))) == groups
    assert len(explicit._Positions(call.far.placed, call.far.encodings, call.far)._bands()) == bands
    for mine, wanted in zip(call.by(explicit.attend), at_once, strict=True):
        torch.testing.assert_close(mine, wanted, atol=1e-12, rtol=0.0)


def test_a_gradient_that_arrives_in_another_layout_is_read_right():
    call = make_call(Shape(relative=True))
    turned = call.weights.transpose(2, 3).contiguous().transpose(2, 3)
    assert not turned.is_contiguous()
    again = dataclasses.replace(call, weights=turned)
    for mine, wanted in zip(again.by(explicit.attend), call.by(explicit.attend), strict=True):
        assert torch.equal(mine, wanted)


@every_attention
@pytest.mark.parametrize("relative", [False, True], ids=["plain", "relative"])
def test_dropout_of_weights_depends_on_the_seed_alone(attend, relative):
    call = make_call(Shape(relative))
    torch.manual_seed(5)
    first, second = call.by(attend, 0.3), call.by(attend, 0.3)
    torch.manual_seed(5)
    again = call.by(attend, 0.3)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert not torch.equal(first[0], second[0])


def weights_after_dropout(attend, share: float, dtype: torch.dtype) -> Tensor:
    """Return weights [4, 2, 64, 64] that are all 1/64 before dropout: queries of zero, values of an identity."""
    query = torch.zeros(4, 2, 64, 8, dtype=dtype)
    value = torch.eye(64, dtype=dtype).expand(4, 2, 64, 64)
    return attend(query, query, value, None, 1.0, share)


@every_attention
@every_dtype
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_share_of_the_weights_is_dropped_and_the_rest_scaled_up(attend, dtype, share):
    torch.manual_seed(0)
    weights = weights_after_dropout(attend, share, dtype)
    is_dropped = (weights == 0).double()
    deviation = (share * (1 - share)) ** 0.5
    assert abs(is_dropped.mean() - share) < 4 * deviation / weights.numel() ** 0.5
    for kept_dimension in (2, 3):
        rest = [dimension for dimension in range(4) if dimension != kept_dimension]
        worst = (is_dropped.mean(rest) - share).abs().max()
        assert worst < 5 * deviation / (weights.numel() / 64) ** 0.5
    stayed = weights[weights != 0].double() * 64 * (1 - share)
    assert (stayed - 1).abs().max() < max(1e-4, torch.finfo(dtype).eps)


@every_attention
@pytest.mark.parametrize("relative", [False, True], ids=["plain", "relative"])
def test_dropout_of_weights_changes_nothing_on_average(attend, relative):
    call = make_call(dataclasses.replace(Shape(relative), rows=1))
    expected = call.by(attend)[0]
    draws = 1000
    query, key, value = (call.leaves[name].expand(draws, -1, -1, -1) for name in ("query", "key", "value"))
    hiding, far = call.hiding.expand(draws, -1, -1, -1), call.far
    if far is not None:
        placed, probes = far.placed.expand(draws, -1, -1, -1), far.probes.expand(draws, -1)
        far = dataclasses.replace(far, placed=placed, probes=probes)
    mixed = []
    for seed in range(4):
        torch.manual_seed(seed)
        mixed.append(attend(query, key, value, hiding, call.scale, 0.4, far).detach())
    drawn, seeing = torch.cat(mixed), call.sighted[0, 0, :, 0]
    error = drawn.std(0)[:, seeing] / len(drawn) ** 0.5
    assert error.min() > 0
    assert ((drawn.mean(0) - expected[0])[:, seeing].abs() / error).max() < 5


@pytest.mark.parametrize(
    "shape",
    [
        Shape(False, slots=3),
        Shape(True, 1, 3, 2),
        Shape(True, 0, 2, 2, "probes"),
        Shape(False, 0, 2, 2, biased=True, hides=False),
    ],
    ids=str,
)
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_the_gradient_of_explicit_attention_is_right_with_dropout_too(shape, share):
    call = make_call(dataclasses.replace(shape, rows=2, both_ways=shape.relative))

    def attend(query: Tensor, key: Tensor, value: Tensor, *rest: Tensor) -> Tensor:
        torch.manual_seed(1)
        far = call.far and dataclasses.replace(call.far, placed=rest[0], encodings=rest[1])
        hiding = rest[0] if shape.biased else call.hiding
        mixed = explicit.attend(query, key, value, hiding, call.scale, share, far)
        return mixed * (call.weights != 0)

    inputs = tuple(tensor.detach().clone().requires_grad_() for tensor in call.leaves.values())
    assert torch.autograd.gradcheck(attend, inputs, fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_dropout_drops_the_same_weights_forward_and_backward(dtype):
    """With weights all alike, the gradient of the values is how often each was kept."""
    query = torch.zeros(2, 1, 9, 4, dtype=dtype)
    value = torch.eye(9, dtype=dtype).expand(2, 1, 9, 9).clone().requires_grad_()
    torch.manual_seed(0)
    kept = explicit.attend(query, query, value, None, 1.0, 0.3)
    (gradient,) = torch.autograd.grad(kept.sum(), value)
    assert 0 < (kept == 0).sum() < kept.numel() / 2
    torch.testing.assert_close(gradient, kept.detach().sum(2)[..., None].expand_as(gradient))


@pytest.mark.parametrize("width", [6, 8, 11])
@pytest.mark.parametrize("keys", [1, 7, 8, 13])
def test_filling_up_to_what_a_gpu_wants_changes_neither_values_nor_gradients(width, keys):
    generator = torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(2, 3, length, size, generator=generator, dtype=torch.float64).requires_grad_()
        for length, size in ((5, width), (keys, width), (keys, 4))
    )
    bias = torch.randn(2, 3, 5, keys, generator=generator, dtype=torch.float64).requires_grad_()
    filled = fused._aligned_rows(bias)
    assert torch.equal(filled, bias)
    assert filled.stride(2) % fused.ALIGNED == 0
    assert all(fused._aligned(heads).shape[-1] % fused.ALIGNED == 0 for heads in (query, key, value))
    plain = F.scaled_dot_product_attention(query, key, value, bias, scale=0.3)
    aligned = fused.aligned(query, key, value, bias, 0.3, 0.0)
    torch.testing.assert_close(aligned, plain, atol=1e-12, rtol=0.0)
    inputs = (query, key, value, bias)
    gradients = (torch.autograd.grad((mixed**2).sum(), inputs) for mixed in (aligned, plain))
    for mine, wanted in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, wanted, atol=1e-12, rtol=0.0)


def test_the_kernels_of_a_gpu_are_given_heads_as_wide_as_they_want_them(monkeypatch):
    def kernel(query, key, value, *_rest, scale):
        assert all(heads.shape[-1] % fused.ALIGNED == 0 for heads in (query, key, value))
        return value

    monkeypatch.setattr(F, "scaled_dot_product_attention", kernel)
    heads = [torch.randn(1, 1, 5, width) for width in (44, 44, 41)]
    assert torch.equal(fused.aligned(*heads, None, 0.3, 0.0), heads[2])


def test_no_bias_needs_no_filling():
    assert fused._aligned_rows(None) is None


BEGINS = [0, 5, 12, 13, 24]
"""Where documents begin in two rows of 12 slots, and the end."""
every_window = pytest.mark.parametrize("window", [None, 0, 2, 11])
every_width = pytest.mark.parametrize("width", [WIDTH, 41])


def heads_and_hiding(
    window: int | None, width: int, dtype: torch.dtype, device: str = "cpu"
) -> tuple[Tensor, ...]:
    """Draw query, key and value [2, 2, 12, width] and return what hides other documents and what is far away."""
    generator = torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(2, 12, HEADS, width, generator=generator).to(device, dtype).transpose(1, 2)
        for _ in range(3)
    )
    slots = torch.arange(24).view(2, 12)
    documents = torch.bucketize(slots, torch.tensor(BEGINS), right=True)
    sees = documents[:, :, None] == documents[:, None, :]
    if window is not None:
        sees &= (slots[:, :, None] - slots[:, None, :]).abs() <= window
    hiding = torch.zeros(2, 1, 12, 12).masked_fill_(~sees[:, None], HIDDEN_SCORE)
    return query, key, value, hiding.to(device, dtype)


def varlen_by_hand(query, key, value, begins, _keys, longest, _longest_keys, *, scale, window_size):
    """What `varlen_attn` is documented to do, one document after the other; all of [tokens, heads, width]."""
    assert all(heads.shape[-1] % 8 == 0 and heads.shape[-1] <= 256 for heads in (query, key, value))
    left, right = window_size
    mixed = torch.empty_like(query)
    for begin, end in itertools.pairwise(begins.tolist()):
        assert end - begin <= longest
        places = torch.arange(end - begin)
        gaps = places[None, :] - places[:, None]
        far = ((gaps < -left) & (left >= 0)) | ((gaps > right) & (right >= 0))
        scores = torch.einsum("qhd,khd->hqk", query[begin:end], key[begin:end]) * scale
        weights = torch.softmax(scores.masked_fill(far, -torch.inf), -1)
        mixed[begin:end] = torch.einsum("hqk,khd->qhd", weights, value[begin:end])
    return mixed


@every_window
@every_width
def test_documents_without_a_mask_are_laid_out_as_the_kernel_wants_them(width, window, monkeypatch):
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", varlen_by_hand)
    query, key, value, hiding = heads_and_hiding(window, width, torch.float64)
    runs = Runs(torch.tensor(BEGINS, dtype=torch.int32), window)
    found = fused.unpadded(query, key, value, runs, 0.3)
    masked = fused.attend(query, key, value, hiding, 0.3, 0.0)
    torch.testing.assert_close(found, masked, atol=1e-12, rtol=0.0)


@pytest.mark.parametrize(
    ("dtype", "width", "computes"),
    [
        (torch.bfloat16, 41, True),
        (torch.float16, 256, True),
        (torch.bfloat16, 257, False),
        (torch.float32, 64, False),
    ],
)
def test_heads_that_are_too_wide_or_too_precise_take_the_mask(dtype, width, computes):
    assert fused.has_unpadded(torch.zeros(1, 1, 1, width, dtype=dtype)) == computes


@pytest.mark.gpu
@every_window
@pytest.mark.parametrize("width", [WIDTH, 41, 264])
def test_the_kernel_of_a_gpu_computes_documents_and_windows_as_a_mask_does(width, window):
    query, key, value, hiding = heads_and_hiding(window, width, torch.bfloat16, "cuda")
    leaves = [tensor.detach().requires_grad_() for tensor in (query, key, value)]
    runs = Runs(torch.tensor(BEGINS, dtype=torch.int32, device="cuda"), window)
    found = fused.attend(*leaves, hiding, 0.3, 0.0, None, runs)
    exact = [tensor.detach().double().cpu().requires_grad_() for tensor in leaves]
    truth = F.scaled_dot_product_attention(*exact, hiding.double().cpu(), scale=0.3)
    gradients = (
        torch.autograd.grad((mixed**2).sum(), inputs) for mixed, inputs in ((found, leaves), (truth, exact))
    )
    for one, wanted in zip((found, *next(gradients)), (truth, *next(gradients)), strict=True):
        # A document's only visible token has no gradient of its score, so there the bound is that of the values.
        bound = 0.02 * max(wanted.norm(), 1.0)
        assert (one.detach().cpu().double() - wanted.detach()).norm() < bound


@pytest.mark.parametrize(
    ("device", "dtype", "relative", "dropout", "name"),
    [
        ("cuda", torch.bfloat16, True, 0.1, "fused"),
        ("cpu", torch.float32, True, 0.0, "explicit"),
        ("cpu", torch.bfloat16, False, 0.0, "explicit"),
        ("cpu", torch.float32, False, 0.1, "explicit"),
        ("cpu", torch.float32, False, 0.0, "fused"),
    ],
)
def test_attention_is_chosen_by_device_and_work_unless_one_is_asked_for(
    device, dtype, relative, dropout, name
):
    chosen = choose_attention("auto", device, dtype, relative=relative, dropout=dropout)
    assert chosen.name == name
    assert chosen.reason.startswith("because ")
    for asked in ATTENTIONS:
        assert choose_attention(asked, device, dtype, relative=relative, dropout=dropout).name == asked


def test_random_bits_are_uniform():
    torch.manual_seed(0)
    count = 2**18
    drawn = torch.cat(bits.random_bits(count)).long() + 2**15
    assert abs(drawn.double().mean() - (2**16 - 1) / 2) < 4 * 2**16 / 12**0.5 / count**0.5
    for bit in range(16):
        assert abs((drawn >> bit & 1).double().mean() - 0.5) < 4 * 0.5 / count**0.5
    for byte in (drawn & 255, drawn >> 8):
        assert stats.chisquare(torch.bincount(byte, minlength=256)).pvalue > 1e-4
    for lane in range(4):
        assert stats.chisquare(torch.bincount(drawn[lane::4] >> 8, minlength=256)).pvalue > 1e-4


@pytest.mark.parametrize("count", [35, bits.WORTH_A_THREAD])
@pytest.mark.parametrize("threads", [1, 2])
def test_random_bits_follow_the_generator_of_pytorch_and_not_the_number_of_threads(
    count, threads, monkeypatch
):
    def numbers():
        return torch.cat(bits.random_bits(count))

    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    torch.manual_seed(3)
    alone = numbers()
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    torch.manual_seed(3)
    assert torch.equal(numbers(), alone)
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first, second = numbers(), numbers()
    assert not torch.equal(first, second)
    torch.manual_seed(3)
    assert torch.equal(numbers(), first)
    assert torch.equal(numbers(), second)
    torch.set_rng_state(state)
    assert torch.equal(numbers(), first)
    torch.manual_seed(4)
    assert not torch.equal(numbers(), first)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3,), (4,), (5,), (3, 0, 2), (3, 5, 7)], ids=str)
def test_dropout_takes_tensors_of_any_size(shape):
    assert sum(map(len, bits.random_bits(math.prod(shape)))) == math.prod(shape)
    assert bits.dropped(shape, 0.5).shape == shape
    assert bits.drop(torch.ones(shape), 0.5).shape == shape


def every_number(monkeypatch) -> tuple[int]:
    """Let the generator draw each number exactly once; return the shape of what it draws."""
    numbers = torch.arange(-(2**15), 2**15).to(torch.int16)
    monkeypatch.setattr(bits, "random_bits", lambda count, _device: [numbers[:count].clone()])
    return (2**16,)


SHARES = [2**-16, 1e-3, 0.1, 0.15, 0.5, 0.9, 1 - 2**-16]


@pytest.mark.parametrize("share", SHARES)
def test_the_share_that_is_dropped_is_exact_over_all_draws(share, monkeypatch):
    chosen = bits.dropped(every_number(monkeypatch), share)
    assert chosen.dtype == torch.int16
    assert set(chosen.unique().tolist()) == {0, 1}
    assert (chosen == 0).double().mean() == bits.staying(share)
    assert abs(1 - bits.staying(share) - share) <= 2**-17


@every_dtype
@pytest.mark.parametrize("share", SHARES)
def test_dropout_keeps_the_expectation_over_all_draws(share, dtype, monkeypatch):
    values = torch.full(every_number(monkeypatch), -3.0, dtype=dtype)
    result = bits.drop(values, share)
    assert result.dtype == dtype
    assert (result == 0).double().mean() == 1 - bits.staying(share)
    # Rounded once, after the product: no error that all values share.
    scaled = values * (1 / bits.staying(share))
    assert torch.equal(result[result != 0], scaled[result != 0])
    assert abs(result.double().mean() + 3) <= 3 * torch.finfo(dtype).eps * (
        1 if dtype != torch.float64 else 64
    )


def test_a_share_too_small_for_sixteen_bits_drops_nothing():
    assert torch.equal(bits.drop(torch.full((1000,), 3.0), 1e-6), torch.full((1000,), 3.0))


@every_dtype
def test_the_gradient_of_dropout_is_its_mask(dtype):
    values = torch.randn(999).to(dtype).requires_grad_()
    torch.manual_seed(0)
    result = Dropout(0.25)(values)
    (gradient,) = torch.autograd.grad(result.sum(), values)
    kept = (result != 0).to(dtype)
    assert torch.equal(gradient, kept * (1 / 0.75))
    assert abs((gradient == 0).double().mean() - 0.25) < 4 * (0.25 * 0.75 / 999) ** 0.5


def test_dropout_leaves_values_alone_outside_training_and_without_a_share():
    values = torch.randn(9)
    assert Dropout(0.0)(values) is values
    assert Dropout(0.5).eval()(values) is values


WANTED = torch.tensor([[4, 0, 2], [1, 1, 5], [3, 3, 3]])


def test_what_is_taken_and_spread_is_back_in_its_place_and_the_rest_is_not_a_number():
    hidden = torch.randn(3, 6, 2)
    whole = spread(take(hidden, WANTED), WANTED, 6)
    for row, query in itertools.product(range(3), range(6)):
        if query in WANTED[row]:
            assert torch.equal(whole[row, query], hidden[row, query])
        else:
            assert whole[row, query].isnan().all()


def test_a_position_that_is_wanted_twice_gets_its_gradient_once():
    hidden = torch.randn(3, 6, 2, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(3, 6, 2, dtype=torch.float64)
    row, query = torch.tensor([[0, 4], [0, 2], [1, 1], [1, 1], [1, 5], [2, 3]]).T
    whole = spread(take(hidden, WANTED).sin(), WANTED, 6)
    losses = ((states * weights)[row, query].sum() for states in (whole, hidden.sin()))
    mine, plain = (torch.autograd.grad(loss, hidden)[0] for loss in losses)
    torch.testing.assert_close(mine, plain, atol=1e-15, rtol=0.0)


def test_the_gradients_of_taking_and_spreading_are_right():
    hidden = torch.randn(3, 6, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda tensor: take(tensor, WANTED), hidden)
    taken = torch.randn(3, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda tensor: spread(tensor, WANTED, 6).nan_to_num(0.0), taken)


@every_dtype
@pytest.mark.parametrize("scored", [0, 1, cross_entropy.ROWS["cpu"], 2 * cross_entropy.ROWS["cpu"] + 7])
def test_cross_entropy_from_hidden_states_equals_that_of_logits(scored, dtype):
    generator = torch.Generator().manual_seed(0)
    sizes = ((scored, 8), (50, 8), (50,))
    inputs = [torch.randn(size, generator=generator).bfloat16().to(dtype).requires_grad_() for size in sizes]
    targets = torch.randint(0, 50, (scored,), generator=generator)
    targets[::3] = IGNORED
    mine = linear_cross_entropy(*inputs, targets, IGNORED)
    assert mine.dtype == torch.promote_types(dtype, torch.float32)
    exact = [tensor.detach().double().requires_grad_() for tensor in inputs]
    logits = F.linear(exact[0], *exact[1:])
    plain = F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum")
    found = (mine, *torch.autograd.grad(mine * 0.5, inputs))
    truth = (plain, *torch.autograd.grad(plain * 0.5, exact))
    tolerance = {torch.float64: 1e-13, torch.float32: 1e-6, torch.bfloat16: 0.01}[dtype]
    for one, wanted in zip(found, truth, strict=True):
        assert (one.double() - wanted).norm() <= tolerance * wanted.norm()
