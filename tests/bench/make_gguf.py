#!/usr/bin/python3
"""Write a checkpoint of make_checkpoint.py as GGUF, to measure llama.cpp's llama-bench on the same shapes.

    make_gguf.py FOLDER OUT.gguf [--dtype bf16]

Needs numpy and gguf. There is no vocabulary in it: llama-bench draws token ids at random. As llama.cpp's own converter
does, matrices are of the type asked for, and the convolution and all vectors float32.
"""
import argparse
import json
import os
import struct

import gguf
import numpy as np

VECTORS = {"norm.weight": "attn_norm.weight", "mixer.conv1d.bias": "ssm_conv1d.bias", "mixer.dt_bias": "ssm_dt.bias",
           "mixer.dt_proj.bias": "ssm_dt.bias", "mixer.A_log": "ssm_a", "mixer.D": "ssm_d",
           "mixer.norm.weight": "ssm_norm.weight", "mixer.conv1d.weight": "ssm_conv1d.weight"}
MATRICES = {"mixer.in_proj.weight": "ssm_in.weight", "mixer.x_proj.weight": "ssm_x.weight",
            "mixer.dt_proj.weight": "ssm_dt.weight", "mixer.out_proj.weight": "ssm_out.weight"}
TYPES = {"f32": gguf.GGMLQuantizationType.F32, "f16": gguf.GGMLQuantizationType.F16,
         "bf16": gguf.GGMLQuantizationType.BF16}


def read(folder):
    """Name and float32 values of each tensor."""
    with open(os.path.join(folder, "model.safetensors"), "rb") as f:
        (size,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(size))
        data = f.read()
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = data[begin:end]
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(raw, {"F32": np.float32, "F16": np.float16}[entry["dtype"]]).astype(np.float32)
        yield name, values.reshape(entry["shape"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--dtype", choices=list(TYPES), default="f32")
    a = parser.parse_args()
    with open(os.path.join(a.folder, "config.json")) as f:
        config = json.load(f)
    mamba1 = config["model_type"] == "mamba"
    inner = config["expand"] * config["hidden_size"]

    writer = gguf.GGUFWriter(a.out, config["model_type"])
    writer.add_context_length(2**20)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_ssm_conv_kernel(config["conv_kernel"])
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(config["state_size"])
    writer.add_ssm_time_step_rank(config["time_step_rank"] if mamba1 else config["num_heads"])
    if not mamba1:
        writer.add_ssm_group_count(config["n_groups"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("no_vocab")

    def add(name, values, matrix):
        kind = TYPES[a.dtype if matrix else "f32"]
        values = np.ascontiguousarray(values)
        writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    for name, values in read(a.folder):
        if name == "backbone.embeddings.weight":
            add("token_embd.weight", values, True)
        elif name == "backbone.norm_f.weight":
            add("output_norm.weight", values, False)
        else:
            _, _, layer, inside = name.split(".", 3)
            if inside in MATRICES:
                add(f"blk.{layer}.{MATRICES[inside]}", values, True)
                continue
            if inside.endswith("A_log"):
                values = -np.exp(values)
            if inside.endswith("conv1d.weight"):
                values = values.squeeze(1)
            if not mamba1 and inside.endswith(("A_log", ".D")):
                values = values.reshape(-1, 1)
            if not mamba1 and inside.endswith("mixer.norm.weight"):
                values = values.reshape(config["n_groups"], -1)
            add(f"blk.{layer}.{VECTORS[inside]}", values, False)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
