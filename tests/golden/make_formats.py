#!/usr/bin/env python3
"""Writes models of cases/ as other programs write them: torch.save, and the gguf package.

    make_formats.py --cases cases --out formats

Needs torch, safetensors and gguf ('pip install gguf'). What each folder is for stands in README.md. The tests compare
what is read with the tensors of the case that it was made from.
"""
import argparse
import collections
import io
import json
import os
import zipfile

import gguf
import numpy as np
import torch
from safetensors.torch import load_file


def read_case(cases, name):
    with open(os.path.join(cases, name, "config.json")) as f:
        config = json.load(f)
    tensors = {}
    for file in sorted(os.listdir(os.path.join(cases, name))):
        if file.startswith("model") and file.endswith(".safetensors"):
            tensors.update(load_file(os.path.join(cases, name, file)))
    return config, tensors


def write_json(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        json.dump(value, f, indent=1)
        f.write("\n")


# ---------------------------------------------------------------- state-spaces
def state_spaces_config(c, rows):
    ssm = {"d_state": c["state_size"], "d_conv": c["conv_kernel"]}
    if c["model_type"] == "mamba2":
        ssm |= {"layer": "Mamba2", "headdim": c["head_dim"], "ngroups": c["n_groups"], "chunk_size": c["chunk_size"]}
    else:
        ssm |= {"dt_rank": c["time_step_rank"]}
    return {"d_model": c["hidden_size"], "d_intermediate": 0, "n_layer": c["num_hidden_layers"],
            "vocab_size": c["vocab_size"], "ssm_cfg": ssm, "attn_layer_idx": [], "attn_cfg": {}, "rms_norm": True,
            "residual_in_fp32": True, "fused_add_norm": True, "pad_vocab_size_multiple": 8 if rows > c["vocab_size"] else 1,
            "tie_embeddings": c["tie_word_embeddings"]}


def state_dict(tensors, tied):
    named = collections.OrderedDict((k.replace("embeddings", "embedding"), v) for k, v in tensors.items())
    if tied:
        named["lm_head.weight"] = named["backbone.embedding.weight"]
    named._metadata = collections.OrderedDict({"": {"version": 1}, "backbone": {"version": 1}})
    return named


def write_state_spaces(folder, config, tensors, shards=1):
    write_json(os.path.join(folder, "config.json"), state_spaces_config(config, len(tensors["backbone.embeddings.weight"])))
    named = state_dict(tensors, config["tie_word_embeddings"])
    if shards == 1:
        return torch.save(named, os.path.join(folder, "pytorch_model.bin"))
    place = {}
    for i in range(shards):
        file = f"pytorch_model-{i + 1:05}-of-{shards:05}.bin"
        part = collections.OrderedDict(list(named.items())[i::shards])
        torch.save(part, os.path.join(folder, file))
        place |= {name: file for name in part}
    write_json(os.path.join(folder, "pytorch_model.bin.index.json"), {"metadata": {}, "weight_map": place})


def awkward(tensors):
    """The same numbers, laid out in every way a state dict may have."""
    result = collections.OrderedDict()
    norms = [k for k in tensors if k.endswith("norm.weight")]
    shared = torch.cat([tensors[k] for k in norms])  # one storage, cut into views
    begin = 0
    for k in norms:
        result[k] = shared[begin:begin + len(tensors[k])]
        begin += len(tensors[k])
    for k, v in tensors.items():
        if k in norms:
            continue
        if k.endswith("in_proj.weight"):
            result[k] = torch.nn.Parameter(v.t().contiguous().t())  # transposed
        elif k.endswith("D"):
            wide = torch.full((3 * len(v),), 7.0)
            wide[1::3] = v
            result[k] = wide[1::3]  # every third
        elif k.endswith("out_proj.weight"):
            result[k] = v.double()
        elif k.endswith("A_log"):
            result[k] = torch.nn.Parameter(v)
            result[k]._no_weight_decay = True
        else:
            result[k] = v
    return result


class System:
    """What a hostile pickle does."""

    def __reduce__(self):
        return os.system, ("touch /tmp/pickle-was-run",)


def rewritten(file, compression, replaced):
    """The same zip file with another compression, and some members replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(out, "w", compression) as target:
        for name in source.namelist():
            target.writestr(name, replaced.get(name.split("/")[-1], source.read(name)))
    return out.getvalue()


def write_refused(folder, tensors):
    os.makedirs(folder, exist_ok=True)
    small = {"backbone.norm_f.weight": tensors["backbone.norm_f.weight"]}
    path = lambda name: os.path.join(folder, name + ".bin")
    torch.save(small, path("old-format"), _use_new_zipfile_serialization=False)
    torch.save(small | {"x": System()}, path("runs-code"))
    torch.save(torch.nn.Linear(2, 2), path("module"))
    torch.save(list(small.values()), path("list"))
    torch.save(small | {"step": 3}, path("number"))
    torch.save({"x": torch.zeros(4, dtype=torch.int8)}, path("int8"))
    torch.save({"x": torch.zeros(2).expand(3, 2)}, path("repeated"))
    torch.save(small, path("good"))
    for name, compression, replaced in [("big-endian", zipfile.ZIP_STORED, {"byteorder": b"big"}),
                                        ("compressed", zipfile.ZIP_DEFLATED, {})]:
        with open(path(name), "wb") as f:
            f.write(rewritten(path("good"), compression, replaced))


# ---------------------------------------------------------------- GGUF
LAYER = {"norm.weight": "attn_norm.weight", "mixer.in_proj.weight": "ssm_in.weight",
         "mixer.conv1d.weight": "ssm_conv1d.weight", "mixer.conv1d.bias": "ssm_conv1d.bias",
         "mixer.x_proj.weight": "ssm_x.weight", "mixer.dt_proj.weight": "ssm_dt.weight",
         "mixer.dt_proj.bias": "ssm_dt.bias", "mixer.dt_bias": "ssm_dt.bias", "mixer.A_log": "ssm_a",
         "mixer.D": "ssm_d", "mixer.norm.weight": "ssm_norm.weight", "mixer.out_proj.weight": "ssm_out.weight"}
MODEL = {"backbone.embeddings.weight": "token_embd.weight", "backbone.norm_f.weight": "output_norm.weight",
         "lm_head.weight": "output.weight"}


def gguf_name(name):
    if name in MODEL:
        return MODEL[name]
    _, _, number, rest = name.split(".", 3)
    return f"blk.{number}.{LAYER[rest]}"


def write_gguf(path, c, tensors, matrices):
    second = c["model_type"] == "mamba2"
    inner = c["expand"] * c["hidden_size"]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    w = gguf.GGUFWriter(path, "mamba2" if second else "mamba")
    w.add_context_length(1 << 20)
    w.add_embedding_length(c["hidden_size"])
    w.add_feed_forward_length(0)
    w.add_head_count(0)
    w.add_block_count(c["num_hidden_layers"])
    w.add_ssm_conv_kernel(c["conv_kernel"])
    w.add_ssm_inner_size(inner)
    w.add_ssm_state_size(c["state_size"])
    w.add_ssm_time_step_rank(c["num_heads"] if second else c["time_step_rank"])
    if second:
        w.add_ssm_group_count(c["n_groups"])
    w.add_layer_norm_rms_eps(c["layer_norm_epsilon"])
    w.add_vocab_size(len(tensors["backbone.embeddings.weight"]))
    w.add_tokenizer_model("none")
    w.add_array("test.texts", ["one", "two"])
    for name, tensor in tensors.items():
        v = tensor.float().numpy()
        if name.endswith("A_log"):
            v = -np.exp(v)
        if name.endswith("conv1d.weight"):
            v = v[:, 0, :]
        if second and name.endswith(("A_log", "mixer.D")):
            v = v[:, None]
        if name.endswith("mixer.norm.weight"):
            v = v.reshape(c["n_groups"], -1)
        v = np.ascontiguousarray(v, dtype=np.float32)
        kind = gguf.GGMLQuantizationType.F32
        if v.ndim == 2 and name.endswith(("proj.weight", "embeddings.weight", "lm_head.weight")) and v.shape[1] % 32 == 0:
            kind = matrices
        w.add_tensor(gguf_name(name), gguf.quants.quantize(v, kind), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cases", required=True)
    p.add_argument("--out", required=True)
    a = p.parse_args()
    torch.manual_seed(0)
    out = lambda name: os.path.join(a.out, name)
    write_state_spaces(out("state-spaces-mamba1"), *read_case(a.cases, "mamba1-padded-vocab"))
    write_state_spaces(out("state-spaces-mamba2"), *read_case(a.cases, "mamba2-bf16"), shards=2)
    config, tensors = read_case(a.cases, "mamba2-state5")
    write_state_spaces(out("torch-awkward"), config, awkward(tensors))
    write_refused(out("torch-refused"), tensors)
    kinds = gguf.GGMLQuantizationType
    write_gguf(out("gguf/mamba1-lengths.gguf"), *read_case(a.cases, "mamba1-lengths"), kinds.F32)
    write_gguf(out("gguf/mamba2-groups2.gguf"), *read_case(a.cases, "mamba2-groups2"), kinds.F16)
    write_gguf(out("gguf/mamba1-bf16.gguf"), *read_case(a.cases, "mamba1-bf16"), kinds.BF16)
    write_gguf(out("gguf/mamba2-lengths.gguf"), *read_case(a.cases, "mamba2-lengths"), kinds.Q8_0)


if __name__ == "__main__":
    main()
