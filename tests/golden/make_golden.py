#!/usr/bin/env python3
"""Golden files: small random Mamba-1 and Mamba-2 checkpoints with the logits a plain float64 model gives for them.

    make_golden.py --out cases --demo DEMO_FOLDER --transformers

Each OUT/NAME receives config.json and model.safetensors (or shards) in the Hugging Face layout, and expected.safetensors
with `tokens_L{T}` (I32, batch x T) and `logits_L{T}` (F32, batch x T x V) for every length T of the case.
For the folders below --demo only expected.safetensors is written, to OUT/demo-NAME.
--transformers also runs the `transformers` package on every case and prints how far it is from the reference.

The reference below is written to be read, not to be fast: float64, one token after another, no chunks, no fused formula.
It uses torch for its arrays only.
"""
import argparse, json, math, os, struct, zlib

import torch

TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I32": torch.int32}
NAMES = {dtype: name for name, dtype in TYPES.items()}


# ---------------------------------------------------------------- the reference
def silu(a):
    return a * torch.sigmoid(a)


def softplus(a):
    return torch.where(a > 20, a, torch.log1p(torch.exp(a)))


def rms_norm(x, weight, eps, groups=1):
    """The mean square is taken over each of `groups` equal parts of the last axis."""
    parts = x.reshape(*x.shape[:-1], groups, -1)
    parts = parts / torch.sqrt(parts.pow(2).mean(-1, keepdim=True) + eps)
    return parts.reshape(x.shape) * weight


def linear(x, weights, name):
    y = x @ weights[name + ".weight"].T
    return y + weights[name + ".bias"] if name + ".bias" in weights else y


def causal_conv(u, weights, name):
    """c_t = silu(bias + sum_j w[j] u_{t-K+1+j}), with zeros before the start."""
    w = weights[name + ".weight"][:, 0, :]
    batch, length, channels = u.shape
    kernel = w.shape[1]
    padded = torch.cat([torch.zeros(batch, kernel - 1, channels, dtype=u.dtype), u], dim=1)
    c = sum(w[:, j] * padded[:, j:j + length] for j in range(kernel))
    return silu(c + weights[name + ".bias"] if name + ".bias" in weights else c)


def mamba1_mixer(u, weights, name, config):
    x, z = linear(u, weights, name + "in_proj").chunk(2, dim=-1)
    x = causal_conv(x, weights, name + "conv1d")
    A, D = -torch.exp(weights[name + "A_log"]), weights[name + "D"]
    states, rank = A.shape[1], weights[name + "dt_proj.weight"].shape[1]
    low_rank_dt, B, C = linear(x, weights, name + "x_proj").split([rank, states, states], dim=-1)
    if config["model_type"] == "falcon_mamba":
        low_rank_dt, B, C = (v / torch.sqrt((v * v).mean(-1, keepdim=True) + config["mixer_rms_eps"])
                             for v in (low_rank_dt, B, C))
    dt = softplus(linear(low_rank_dt, weights, name + "dt_proj"))
    h = torch.zeros(x.shape[0], *A.shape, dtype=x.dtype)                                     # batch, channel, state
    y = torch.empty_like(x)
    for t in range(x.shape[1]):
        h = torch.exp(dt[:, t, :, None] * A) * h + dt[:, t, :, None] * B[:, t, None, :] * x[:, t, :, None]
        y[:, t] = (h * C[:, t, None, :]).sum(-1) + D * x[:, t]
    return linear(y * silu(z), weights, name + "out_proj")


def mamba2_mixer(u, weights, name, config):
    A, D = -torch.exp(weights[name + "A_log"]), weights[name + "D"]
    heads, groups, states = A.shape[0], config["n_groups"], config["state_size"]
    inner = weights[name + "out_proj.weight"].shape[1]
    batch, length = u.shape[:2]
    z, xBC, dt = linear(u, weights, name + "in_proj").split([inner, inner + 2 * groups * states, heads], dim=-1)
    x, B, C = causal_conv(xBC, weights, name + "conv1d").split([inner, groups * states, groups * states], dim=-1)
    x = x.reshape(batch, length, heads, inner // heads)
    group_of_head = torch.arange(heads) // (heads // groups)
    B = B.reshape(batch, length, groups, states)[:, :, group_of_head]                        # batch, t, head, state
    C = C.reshape(batch, length, groups, states)[:, :, group_of_head]
    dt = softplus(dt + weights[name + "dt_bias"]).clamp(*config["time_step_limit"])
    h = torch.zeros(batch, heads, inner // heads, states, dtype=x.dtype)                     # batch, head, p, state
    y = torch.empty_like(x)
    for t in range(length):
        decay = torch.exp(dt[:, t] * A)[:, :, None, None]
        h = decay * h + dt[:, t, :, None, None] * B[:, t, :, None, :] * x[:, t, :, :, None]
        y[:, t] = (h * C[:, t, :, None, :]).sum(-1) + D[:, None] * x[:, t]
    y = y.reshape(batch, length, inner)
    gated = rms_norm(y * silu(z), weights[name + "norm.weight"], config["layer_norm_epsilon"], groups)
    return linear(gated, weights, name + "out_proj")


def reference(weights, config, tokens):
    """Logits (batch, T, V), computed in the precision of the weights."""
    mixer = {"mamba": mamba1_mixer, "falcon_mamba": mamba1_mixer, "mamba2": mamba2_mixer}[config["model_type"]]
    eps = config["layer_norm_epsilon"]
    embeddings = weights["backbone.embeddings.weight"]
    h = embeddings[tokens]
    for i in range(config["num_hidden_layers"]):
        layer = f"backbone.layers.{i}."
        h = h + mixer(rms_norm(h, weights[layer + "norm.weight"], eps), weights, layer + "mixer.", config)
    head = embeddings if config["tie_word_embeddings"] else weights["lm_head.weight"]
    return rms_norm(h, weights["backbone.norm_f.weight"], eps) @ head.T


# ---------------------------------------------------------------- safetensors and config.json
def write_safetensors(path, tensors):
    header, offset, blobs = {"__metadata__": {"format": "pt"}}, 0, []
    # The wider types first, so that every tensor stays aligned: the format allows no padding between them.
    for name in sorted(tensors, key=lambda n: (-tensors[n].element_size(), n)):
        tensor = tensors[name].contiguous()
        raw = tensor.view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + len(raw)]}
        offset += len(raw)
        blobs.append(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def read_safetensors(path):
    with open(path, "rb") as f:
        data = f.read()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (start + offset for offset in entry["data_offsets"])
        tensors[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def write_json(path, value):
    with open(path, "w") as f:
        json.dump(value, f, indent=2)
        f.write("\n")


def write_checkpoint(folder, config, tensors, shards):
    os.makedirs(folder, exist_ok=True)
    write_json(os.path.join(folder, "config.json"), config)
    if shards == 1:
        write_safetensors(os.path.join(folder, "model.safetensors"), tensors)
        return
    # Neighbours by name go to the same file, until it has its share of the bytes.
    total, seen, parts, place = sum(t.nbytes for t in tensors.values()), 0, [{} for _ in range(shards)], {}
    for name in sorted(tensors):
        index = min(shards - 1, seen * shards // total)
        parts[index][name] = tensors[name]
        place[name] = f"model-{index + 1:05}-of-{shards:05}.safetensors"
        seen += tensors[name].nbytes
    for index, part in enumerate(parts):
        write_safetensors(os.path.join(folder, f"model-{index + 1:05}-of-{shards:05}.safetensors"), part)
    write_json(os.path.join(folder, "model.safetensors.index.json"), {"metadata": {"total_size": total}, "weight_map": place})


def read_checkpoint(folder):
    """The configuration, and the stored values: as rounded to the file's types, then widened to float64."""
    with open(os.path.join(folder, "config.json")) as f:
        config = json.load(f)  # Python's json reads the `Infinity` of time_step_limit
    files = sorted(f for f in os.listdir(folder) if f.startswith("model") and f.endswith(".safetensors"))
    tensors = {}
    for file in files:
        tensors.update(read_safetensors(os.path.join(folder, file)))
    return config, {name: tensor.double() for name, tensor in tensors.items()}


# ---------------------------------------------------------------- random checkpoints
DEFAULTS = dict(d_model=32, layers=2, vocab=29, padded_vocab=None, d_state=16, d_conv=4, head_dim=16, n_groups=1, chunk=16,
                limit=(0.0, math.inf), rank=None, tied=True, stored_head=False, use_bias=False, use_conv_bias=True,
                large_dt=False, mixer_eps=None, dtype="F32", ssm_dtype=None, shards=1, batch=1, lengths=(37,))

ALL_LENGTHS = (1, 3, 15, 16, 17, 1000)  # around the chunk of 16, and long

CASES = {
    "mamba1-lengths": dict(arch="mamba1", lengths=ALL_LENGTHS),
    "mamba1-batch3": dict(arch="mamba1", d_model=48, batch=3, lengths=(1, 33), tied=False, rank="auto"),
    "mamba1-state5": dict(arch="mamba1", d_state=5, d_conv=2, rank=5, lengths=(1, 37)),
    "mamba1-state96": dict(arch="mamba1", d_state=96, d_conv=3, lengths=(2, 37), tied=False),
    "mamba1-state128": dict(arch="mamba1", d_state=128),
    "mamba1-use-bias": dict(arch="mamba1", use_bias=True),
    "mamba1-no-conv-bias": dict(arch="mamba1", use_conv_bias=False),
    "mamba1-padded-vocab": dict(arch="mamba1", vocab=37, padded_vocab=40, stored_head=True),
    "mamba1-f16": dict(arch="mamba1", d_model=64, vocab=67, dtype="F16"),
    "mamba1-bf16": dict(arch="mamba1", d_model=64, vocab=67, dtype="BF16"),
    "mamba1-sharded": dict(arch="mamba1", tied=False, shards=3),
    "mamba1-large-dt": dict(arch="mamba1", vocab=17, large_dt=True, lengths=(1000,)),
    "falcon-lengths": dict(arch="mamba1", mixer_eps=1e-6, lengths=ALL_LENGTHS),
    "falcon-batch3": dict(arch="mamba1", mixer_eps=1e-2, d_model=48, d_state=5, rank=5, use_bias=True, batch=3, lengths=(1, 33), tied=False),
    "falcon-bf16": dict(arch="mamba1", mixer_eps=1e-6, d_model=64, vocab=67, dtype="BF16"),
    "mamba2-lengths": dict(arch="mamba2", lengths=ALL_LENGTHS),
    "mamba2-batch3": dict(arch="mamba2", d_model=48, d_state=32, chunk=32, batch=3, lengths=(1, 3, 31, 32, 33, 100), tied=False),
    "mamba2-state5": dict(arch="mamba2", d_state=5, d_conv=2, lengths=(1, 37)),
    "mamba2-state96": dict(arch="mamba2", d_state=96, d_conv=3, chunk=32, lengths=(2, 37), tied=False),
    "mamba2-state128": dict(arch="mamba2", d_state=128, head_dim=64, chunk=32),  # one single head
    "mamba2-groups2": dict(arch="mamba2", d_model=64, n_groups=2, lengths=(1, 37)),
    "mamba2-groups4": dict(arch="mamba2", d_model=64, n_groups=4, d_state=8, batch=3, lengths=(37,), tied=False),
    "mamba2-dt-limit": dict(arch="mamba2", limit=(0.01, 0.05)),
    "mamba2-use-bias": dict(arch="mamba2", use_bias=True),
    "mamba2-no-conv-bias": dict(arch="mamba2", use_conv_bias=False),
    "mamba2-padded-vocab": dict(arch="mamba2", vocab=37, padded_vocab=40, tied=False),
    "mamba2-f16": dict(arch="mamba2", d_model=64, vocab=67, dtype="F16"),
    "mamba2-bf16": dict(arch="mamba2", d_model=64, vocab=67, dtype="BF16", ssm_dtype="F32"),
    "mamba2-sharded": dict(arch="mamba2", tied=False, shards=3),
    "mamba2-large-dt": dict(arch="mamba2", vocab=17, chunk=256, large_dt=True, lengths=(1000,)),
}


class Draw:
    """Random values in float64 from one seed."""

    def __init__(self, name):
        self.generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))

    def normal(self, *shape, mean=0.0, std=1.0):
        return mean + std * torch.randn(*shape, generator=self.generator, dtype=torch.float64)

    def uniform(self, *shape, low=0.0, high=1.0):
        return low + (high - low) * torch.rand(*shape, generator=self.generator, dtype=torch.float64)

    def matrix(self, rows, columns):
        return self.normal(rows, columns, std=columns ** -0.5)  # inputs of size 1 give outputs of size 1

    def tokens(self, batch, length, vocab):
        return torch.randint(vocab, (batch, length), generator=self.generator)

    def dt_bias(self, n, large):
        """The inverse of softplus of values between 1e-3 and 1e-1; or steps from about 1 to beyond softplus' threshold."""
        if large:
            return self.uniform(n, low=0, high=24)
        dt = torch.exp(self.uniform(n, low=math.log(1e-3), high=math.log(1e-1)))
        return dt + torch.log(-torch.expm1(-dt))


def mixer_tensors(c, draw):
    inner, states = 2 * c["d_model"], c["d_state"]
    # Large steps must also vary from token to token: a tiny step after a huge one is where a difference of two
    # cumulated sums cancels.
    dt_gain = 8.0 if c["large_dt"] else 1.0
    if c["arch"] == "mamba1":
        width, rank = inner, dt_rank(c)
        tensors = {
            "in_proj.weight": draw.matrix(2 * inner, c["d_model"]),
            "x_proj.weight": draw.matrix(rank + 2 * states, inner),
            "dt_proj.weight": dt_gain * draw.matrix(inner, rank),
            "dt_proj.bias": draw.dt_bias(inner, c["large_dt"]),
            "A_log": torch.log(torch.arange(1.0, states + 1, dtype=torch.float64)) + draw.normal(inner, states, std=0.1),
            "D": draw.normal(inner, mean=1, std=0.2),
        }
    else:
        heads, groups = inner // c["head_dim"], c["n_groups"]
        width = inner + 2 * groups * states
        tensors = {
            "in_proj.weight": draw.matrix(inner + width + heads, c["d_model"]),
            "dt_bias": draw.dt_bias(heads, c["large_dt"]),
            "A_log": torch.log(draw.uniform(heads, low=1, high=16)),
            "D": draw.normal(heads, mean=1, std=0.2),
            "norm.weight": draw.normal(inner, mean=1, std=0.2),
        }
        tensors["in_proj.weight"][-heads:] *= dt_gain
    tensors["conv1d.weight"] = draw.normal(width, 1, c["d_conv"], std=c["d_conv"] ** -0.5)
    tensors["out_proj.weight"] = draw.matrix(c["d_model"], inner)
    if c["use_conv_bias"]:
        tensors["conv1d.bias"] = draw.normal(width, std=0.3)
    if c["use_bias"]:
        tensors["in_proj.bias"] = draw.normal(tensors["in_proj.weight"].shape[0], std=0.3)
        tensors["out_proj.bias"] = draw.normal(c["d_model"], std=0.3)
    return tensors


def dt_rank(c):
    return c["rank"] if isinstance(c["rank"], int) else math.ceil(c["d_model"] / 16)


def random_checkpoint(c, draw):
    vocab = c["padded_vocab"] or c["vocab"]
    tensors = {"backbone.embeddings.weight": draw.normal(vocab, c["d_model"], std=0.5)}
    for i in range(c["layers"]):
        layer = f"backbone.layers.{i}."
        tensors[layer + "norm.weight"] = draw.normal(c["d_model"], mean=1, std=0.2)
        tensors.update({layer + "mixer." + name: tensor for name, tensor in mixer_tensors(c, draw).items()})
    tensors["backbone.norm_f.weight"] = draw.normal(c["d_model"], mean=1, std=0.2)
    if not c["tied"]:
        tensors["lm_head.weight"] = draw.normal(vocab, c["d_model"], std=0.5)
    elif c["stored_head"]:
        tensors["lm_head.weight"] = tensors["backbone.embeddings.weight"].clone()
    # state-spaces keeps these three in F32 beside half-precision matrices.
    kept = ("A_log", ".D", "dt_bias") if c["ssm_dtype"] else ()
    return {name: tensor.to(TYPES[c["ssm_dtype"] if name.endswith(kept) and kept else c["dtype"]])
            for name, tensor in tensors.items()}


def config_of(c):
    mamba1, inner = c["arch"] == "mamba1", 2 * c["d_model"]
    config = {
        "architectures": ["MambaForCausalLM" if mamba1 else "Mamba2ForCausalLM"],
        "model_type": "mamba" if mamba1 else "mamba2",
        "vocab_size": c["vocab"], "hidden_size": c["d_model"], "num_hidden_layers": c["layers"],
        "state_size": c["d_state"], "expand": 2, "conv_kernel": c["d_conv"],
        "use_bias": c["use_bias"], "use_conv_bias": c["use_conv_bias"], "hidden_act": "silu", "layer_norm_epsilon": 1e-5,
        "residual_in_fp32": True, "tie_word_embeddings": c["tied"],
        "torch_dtype": {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}[c["dtype"]],
        "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0,
    }
    if c["mixer_eps"]:
        config.update(architectures=["FalconMambaForCausalLM"], model_type="falcon_mamba", mixer_rms_eps=c["mixer_eps"])
    if mamba1:
        config.update(intermediate_size=inner, time_step_rank=c["rank"] or dt_rank(c))
    else:
        config.update(num_heads=inner // c["head_dim"], head_dim=c["head_dim"], n_groups=c["n_groups"], chunk_size=c["chunk"],
                      rms_norm=True, norm_before_gate=False, time_step_limit=list(c["limit"]))
    return config


# ---------------------------------------------------------------- the demos' inputs
TEXT = b"""A state-space layer reads a sequence one token at a time and keeps a state of fixed size. With every token the
old state decays, the new input is added, and the output is read from the sum. for (int t = 0; t < length; ++t)
    h = decay[t] * h + dt[t] * b[t] * x[t];
"""


def recall_tokens(draw, batch, task):
    """Key-value pairs, then fillers (0) among which every key is asked for once."""
    tokens = torch.zeros(batch, task["length"], dtype=torch.long)
    pairs = task["pairs"]
    for row in tokens:
        keys = torch.randperm(task["keys"], generator=draw.generator)[:pairs] + 1
        row[0:2 * pairs:2] = keys
        row[1:2 * pairs:2] = draw.tokens(1, pairs, task["values"])[0] + task["keys"] + 1
        where = torch.randperm(task["length"] - 2 * pairs, generator=draw.generator)[:pairs] + 2 * pairs
        row[where] = keys
    return tokens


def demo_tokens(folder, draw):
    with open(os.path.join(folder, "task.json")) as f:
        task = json.load(f)
    if task["task"] == "recall":
        return [recall_tokens(draw, 3, task)]
    text = torch.tensor(list(TEXT), dtype=torch.long)[None]
    return [text[:, :1], text[:, :67], text[:, :256]]  # the checkpoints' chunk is 64


# ---------------------------------------------------------------- the cross-check
class StayInDouble(torch.overrides.TorchFunctionMode):
    """`transformers` narrows to float32 here and there on purpose; inside this mode float32 means float64."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.float:
            return args[0].double()
        if function is torch.Tensor.to:
            args = tuple(torch.float64 if a is torch.float32 else a for a in args)
        return function(*args, **(kwargs or {}))


def load_in_transformers(folder, vocab, dtype):
    import transformers
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    config = transformers.AutoConfig.from_pretrained(folder)
    config.vocab_size = vocab  # it does not accept tensors wider than the configuration says
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, config=config, dtype=dtype).eval()
    if getattr(config, "n_groups", 1) > 1 and not hasattr(model.backbone.layers[0].mixer.norm, "group_size"):
        return None  # the versions that normalise over the whole width instead of each group
    return model


def run_transformers(model, tokens, dtype):
    if dtype != torch.float64:
        return model(tokens, use_cache=False).logits.double()
    with StayInDouble():
        return model(tokens, use_cache=False).logits


def distance(results, expected):
    """The worst sequence: |difference| / |expected| in the 2-norm, and max|difference| / max|expected|."""
    pairs = list(zip(results, expected))
    return "{:.1e} / {:.1e}".format(max(float((r.double() - e).norm() / e.norm()) for r, e in pairs),
                                    max(float((r.double() - e).abs().max() / e.abs().max()) for r, e in pairs))


def cross_check(folder, weights, config, tokens, expected):
    """One line of the table: transformers in float64 and in float32, and the reference itself in float32."""
    narrow = {name: tensor.float() for name, tensor in weights.items()}
    columns = []
    for dtype in (torch.float64, torch.float32):
        model = load_in_transformers(folder, weights["backbone.embeddings.weight"].shape[0], dtype)
        if model is None:
            columns.append("skipped: this version normalises over the whole width")
        else:
            columns.append(distance([run_transformers(model, t, dtype) for t in tokens], expected))
    columns.append(distance([reference(narrow, config, t) for t in tokens], expected))
    return " | ".join(columns)


# ---------------------------------------------------------------- all together
def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True, help="folder that receives one folder a case")
    p.add_argument("--demo", help="folder of the demo checkpoints")
    p.add_argument("--transformers", action="store_true", help="cross-check with the transformers package, where importable")
    p.add_argument("--only", help="comma-separated names of cases")
    a = p.parse_args()
    check = a.transformers
    if check:
        os.environ["HF_HUB_OFFLINE"] = "1"  # everything needed is on the disk
        try:
            import transformers
            print(f"torch {torch.__version__}, transformers {transformers.__version__}\n")
            print("| case | transformers, float64 | transformers, float32 | reference in float32 |\n|---|---|---|---|")
        except ImportError as error:
            print(f"no cross-check: {error}")
            check = False

    def expect(name, folder, tokens):
        config, weights = read_checkpoint(folder)
        logits = [reference(weights, config, t) for t in tokens]
        expected = {}
        for t, l in zip(tokens, logits):
            expected[f"tokens_L{t.shape[1]}"], expected[f"logits_L{t.shape[1]}"] = t.int(), l.float()
        os.makedirs(os.path.join(a.out, name), exist_ok=True)
        write_safetensors(os.path.join(a.out, name, "expected.safetensors"), expected)
        print(f"| {name} | {cross_check(folder, weights, config, tokens, logits)} |" if check else name, flush=True)

    chosen = a.only.split(",") if a.only else None
    for name, case in CASES.items():
        if chosen is None or name in chosen:
            c, draw, folder = DEFAULTS | case, Draw(name), os.path.join(a.out, name)
            write_checkpoint(folder, config_of(c), random_checkpoint(c, draw), c["shards"])
            expect(name, folder, [draw.tokens(c["batch"], length, c["vocab"]) for length in c["lengths"]])
    for demo in sorted(os.listdir(a.demo)) if a.demo else []:
        folder, name = os.path.join(a.demo, demo), "demo-" + demo
        if os.path.exists(os.path.join(folder, "config.json")) and (chosen is None or name in chosen):
            expect(name, folder, demo_tokens(folder, Draw(name)))


if __name__ == "__main__":
    with torch.no_grad():
        main()
