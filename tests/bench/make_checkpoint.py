#!/usr/bin/python3
"""Write a random checkpoint of a published model's shape, to measure speed with: the weights mean nothing.

    make_checkpoint.py mamba2-130m OUT [--dtype bf16]

Needs numpy. The shapes are those of state-spaces' models, in the Hugging Face layout.
"""
import argparse
import json
import math
import os
import struct

import numpy as np

# d_model, layers
SIZES = {"130m": (768, 24), "370m": (1024, 48), "780m": (1536, 48), "1.4b": (2048, 48), "2.8b": (2560, 64),
         "1.3b": (2048, 48), "2.7b": (2560, 64)}
VOCABULARY = 50280


def tensors_of(arch, d_model, layers):
    """Name, shape and how to draw it, in the order of the file."""
    inner = 2 * d_model
    yield "backbone.embeddings.weight", (VOCABULARY, d_model), "normal"
    for i in range(layers):
        prefix = f"backbone.layers.{i}."
        mixer = prefix + "mixer."
        yield prefix + "norm.weight", (d_model,), "one"
        if arch == "mamba1":
            states, rank = 16, math.ceil(d_model / 16)
            yield mixer + "in_proj.weight", (2 * inner, d_model), "linear"
            yield mixer + "conv1d.weight", (inner, 1, 4), "linear"
            yield mixer + "conv1d.bias", (inner,), "small"
            yield mixer + "x_proj.weight", (rank + 2 * states, inner), "linear"
            yield mixer + "dt_proj.weight", (inner, rank), "linear"
            yield mixer + "dt_proj.bias", (inner,), "dt"
            yield mixer + "A_log", (inner, states), "A1"
        else:
            states, heads = 128, inner // 64
            width = inner + 2 * states
            yield mixer + "in_proj.weight", (inner + width + heads, d_model), "linear"
            yield mixer + "conv1d.weight", (width, 1, 4), "linear"
            yield mixer + "conv1d.bias", (width,), "small"
            yield mixer + "dt_bias", (heads,), "dt"
            yield mixer + "A_log", (heads,), "A2"
            yield mixer + "norm.weight", (inner,), "one"
        yield mixer + "D", (inner,) if arch == "mamba1" else (heads,), "one"
        yield mixer + "out_proj.weight", (d_model, inner), "linear"
    yield "backbone.norm_f.weight", (d_model,), "one"


def draw(rng, shape, how):
    if how == "one":
        return np.ones(shape, np.float32)
    if how == "normal":
        return 0.02 * rng.standard_normal(shape, np.float32)
    if how == "linear":
        return (2 * rng.random(shape, np.float32) - 1) / np.float32(math.sqrt(shape[-1]))
    if how == "small":
        return 0.1 * rng.standard_normal(shape, np.float32)
    if how == "dt":  # inverse softplus of a step between 1e-3 and 1e-1
        step = np.exp(rng.random(shape) * math.log(100) + math.log(1e-3))
        return (step + np.log(-np.expm1(-step))).astype(np.float32)
    if how == "A1":
        return np.tile(np.log(np.arange(1, shape[1] + 1, dtype=np.float32)), (shape[0], 1))
    return np.log(1 + 15 * rng.random(shape)).astype(np.float32)


def to_bytes(values, dtype):
    if dtype == "bf16":  # round to nearest, ties to even
        bits = values.view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16).tobytes()
    return values.astype({"f32": np.float32, "f16": np.float16}[dtype]).tobytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", help="mamba-130m, mamba-2.8b, mamba2-130m, mamba2-2.7b, ...")
    parser.add_argument("out")
    parser.add_argument("--dtype", choices=["f32", "f16", "bf16"], default="f32")
    a = parser.parse_args()
    family, _, size = a.shape.partition("-")
    if family not in ("mamba", "mamba2") or size not in SIZES:
        parser.error(f"{a.shape} is not a known shape")
    arch = "mamba1" if family == "mamba" else "mamba2"
    d_model, layers = SIZES[size]
    element = 4 if a.dtype == "f32" else 2

    header, end = {}, 0
    for name, shape, _ in tensors_of(arch, d_model, layers):
        begin, end = end, end + element * math.prod(shape)
        header[name] = {"dtype": a.dtype.upper(), "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    os.makedirs(a.out, exist_ok=True)
    rng = np.random.default_rng(0)
    with open(os.path.join(a.out, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name, shape, how in tensors_of(arch, d_model, layers):
            f.write(to_bytes(draw(rng, shape, how), a.dtype))

    config = {"architectures": ["MambaForCausalLM" if arch == "mamba1" else "Mamba2ForCausalLM"],
              "model_type": family, "vocab_size": VOCABULARY, "hidden_size": d_model, "num_hidden_layers": layers,
              "expand": 2, "conv_kernel": 4, "state_size": 16 if arch == "mamba1" else 128,
              "tie_word_embeddings": True}
    if arch == "mamba1":
        config.update(intermediate_size=2 * d_model, time_step_rank=math.ceil(d_model / 16))
    else:
        config.update(num_heads=2 * d_model // 64, head_dim=64, n_groups=1, chunk_size=256)
    with open(os.path.join(a.out, "config.json"), "w") as f:
        json.dump(config, f, indent=2)


if __name__ == "__main__":
    main()
