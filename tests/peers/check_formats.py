#!/usr/bin/env python3
"""Do other programs and we compute the same of the same files, whoever wrote them?

    check_formats.py PERFMAMBA_CLI

Random models of every supported configuration are made by the transformers package and saved as safetensors, and by
torch.save. Our logits of both are compared with those of transformers. Each is exported as GGUF, which is read with the
gguf package and, where it can be loaded, run by llama.cpp; and from GGUF back to a Hugging Face folder, which
transformers loads. Exit code 77, which ctest counts as skipped, where torch, transformers, gguf or h5py is missing.

llama.cpp comes with the package llama-cpp-py-sync. LLAMA_CPP_LIB may name another libllama.so of about the same
version, for systems on which that package's own does not load.
"""
import os
import subprocess
import sys
import tempfile

SKIPPED = 77
TOLERANCE = 1e-4  # of the largest logit; all compute in float32
LLAMA_TOLERANCE = 1e-3
TOKENS = 48

try:
    import gguf
    import h5py
    import numpy as np
    import torch
    import transformers
except ImportError as missing:
    print(f"skipped: {missing}; 'tests/run --peers' installs what this test needs")
    sys.exit(SKIPPED)

MAMBA, MAMBA2, FALCON = transformers.MambaConfig, transformers.Mamba2Config, transformers.FalconMambaConfig
SMALL = dict(vocab_size=61, hidden_size=32, num_hidden_layers=2, pad_token_id=0, bos_token_id=0, eos_token_id=0)
SSD = dict(head_dim=16, num_heads=4, n_groups=1, chunk_size=16)
CASES = [
    # name, class, configuration, whether llama.cpp can run it
    ("mamba", MAMBA, dict(state_size=16), True),
    ("mamba, untied", MAMBA, dict(state_size=16, tie_word_embeddings=False), True),
    ("mamba, biases", MAMBA, dict(state_size=8, use_bias=True), False),
    ("mamba, no bias of the convolution", MAMBA, dict(state_size=16, use_conv_bias=False), True),
    ("mamba, odd sizes", MAMBA, dict(hidden_size=39, state_size=7, time_step_rank=5, conv_kernel=3, vocab_size=53), True),
    ("mamba, three times as wide", MAMBA, dict(state_size=16, expand=3), False),
    ("mamba2", MAMBA2, dict(SSD, state_size=16), True),
    ("mamba2, untied", MAMBA2, dict(SSD, state_size=32, tie_word_embeddings=False), True),
    ("mamba2, biases", MAMBA2, dict(SSD, state_size=16, use_bias=True), False),
    ("mamba2, limits", MAMBA2, dict(SSD, state_size=16, time_step_limit=(0.01, 0.05)), False),
    ("mamba2, odd sizes", MAMBA2, dict(hidden_size=33, state_size=5, head_dim=11, num_heads=6, n_groups=1, chunk_size=7,
                                       conv_kernel=2, vocab_size=53), True),
    ("falcon_mamba", FALCON, dict(state_size=16, mixer_rms_eps=1e-5), True),
    ("falcon_mamba, untied, biases", FALCON, dict(state_size=5, use_bias=True, tie_word_embeddings=False), False),
]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def make(kind, settings, folder):
    torch.manual_seed(3)
    model = transformers.AutoModelForCausalLM.from_config(kind(**(SMALL | settings))).float().eval()
    with torch.no_grad():  # the initial values hide mistakes: norms of one, biases of zero, a tiny embedding
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1 and not name.endswith(("A_log", "dt_bias", "dt_proj.bias")):
                parameter.add_(0.3 * torch.randn_like(parameter))
            elif "embeddings" in name or "lm_head" in name:
                parameter.copy_(torch.randn_like(parameter))
    model.save_pretrained(folder)
    return model


def our_logits(cli, model, tokens, scratch):
    file = os.path.join(scratch, "logits.h5")
    done = run(cli, "logits", model, "--tokens", ",".join(map(str, tokens)), "--all", "--out", file)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    with h5py.File(file) as report:
        logits = report["logits"][0]
    os.remove(file)
    return logits


def their_logits(model, tokens):
    with torch.no_grad():
        return model(torch.tensor([tokens]), use_cache=False).logits[0].numpy()


def as_pickle(folder, model):
    os.makedirs(folder)
    torch.save(model.state_dict(), os.path.join(folder, "pytorch_model.bin"))
    model.config.save_pretrained(folder)


def check_gguf(file, model):
    """Names, shapes and numbers, by the gguf package; a sentence of what is wrong, or nothing."""
    reader = gguf.GGUFReader(file)
    arch = reader.fields["general.architecture"].contents()
    known = gguf.get_tensor_name_map({"mamba": gguf.MODEL_ARCH.MAMBA, "mamba2": gguf.MODEL_ARCH.MAMBA2}[arch],
                                     model.config.num_hidden_layers)
    tensors = {t.name: t for t in reader.tensors}
    for name, value in model.state_dict().items():
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        mapped = known.get_name(name.replace("dt_bias", "dt_proj.bias"), try_suffixes=(".weight", ".bias"))
        if mapped not in tensors:
            return f"lacks {mapped} ({name})"
        expected = value.numpy()
        if name.endswith("A_log"):
            expected = -np.exp(expected)
        found = tensors[mapped].data.astype(np.float32).reshape(expected.shape)
        if not np.allclose(found, expected, rtol=1e-6, atol=0):
            return f"{mapped} has other numbers"
    for key in ("context_length", "embedding_length", "block_count", "ssm.conv_kernel", "ssm.inner_size", "ssm.state_size",
                "ssm.time_step_rank", "attention.layer_norm_rms_epsilon", "feed_forward_length", "attention.head_count"):
        if f"{arch}.{key}" not in reader.fields:
            return f"lacks the key {arch}.{key}"
    return None


class LlamaCpp:
    """Logits by llama.cpp, through its C interface."""

    def __init__(self):
        from llama_cpp_py_sync import _cffi_bindings as bindings
        self.ffi = bindings.get_ffi()
        library = os.environ.get("LLAMA_CPP_LIB")
        self.lib = self.ffi.dlopen(library) if library else bindings.get_lib()
        if library:  # its backend for the CPU is a plugin, which it would look for beside the program
            import ctypes
            ggml = ctypes.CDLL(os.path.join(os.path.dirname(library), "libggml.so.0"))
            ggml.ggml_backend_load_all_from_path(
                os.path.join(os.path.dirname(os.path.dirname(library)), "bin").encode())
        self.quiet = self.ffi.callback("void(enum ggml_log_level, const char*, void*)", lambda *_: None)
        self.lib.llama_log_set(self.quiet, self.ffi.NULL)
        self.lib.llama_backend_init()

    def logits(self, file, tokens):
        ffi, lib = self.ffi, self.lib
        settings = lib.llama_model_default_params()
        settings.n_gpu_layers = 0
        model = lib.llama_model_load_from_file(file.encode(), settings)
        if model == ffi.NULL:
            raise RuntimeError("llama.cpp does not load it")
        vocabulary = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model))
        settings = lib.llama_context_default_params()
        settings.n_ctx = settings.n_batch = settings.n_ubatch = 256
        settings.n_threads = settings.n_threads_batch = 2
        context = lib.llama_init_from_model(model, settings)
        batch = lib.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, i, 1, 1
            batch.seq_id[i][0] = 0
        if lib.llama_decode(context, batch):
            raise RuntimeError("llama.cpp does not run it")
        rows = [np.frombuffer(ffi.buffer(lib.llama_get_logits_ith(context, i), 4 * vocabulary), np.float32).copy()
                for i in range(len(tokens))]
        lib.llama_batch_free(batch)
        lib.llama_free(context)
        lib.llama_model_free(model)
        return np.stack(rows)


def llama_or_none():
    try:
        return LlamaCpp()
    except Exception as reason:
        print(f"without llama.cpp: {str(reason).splitlines()[0]}")
        return None


def relative(ours, theirs):
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


def check_case(cli, llama, kind, settings, runs_in_llama, scratch):
    """Pairs of what was compared and the difference; a text for what went wrong."""
    folder, pickle, in_gguf, back = (os.path.join(scratch, n) for n in ("model", "pickle", "gguf", "back"))
    model = make(kind, settings, folder)
    tokens = np.random.default_rng(1).integers(0, model.config.vocab_size, TOKENS).tolist()
    theirs = their_logits(model, tokens)
    yield "safetensors", relative(our_logits(cli, folder, tokens, scratch), theirs), TOLERANCE
    as_pickle(pickle, model)
    yield "pickle", relative(our_logits(cli, pickle, tokens, scratch), theirs), TOLERANCE
    exported = run(cli, "export", folder, "--format", "gguf", "--out", in_gguf)
    if not runs_in_llama:
        refused = exported.returncode == 1 and "cannot be written as GGUF" in exported.stderr
        yield ("GGUF refused" if refused else "GGUF not refused"), 0.0 if refused else 1.0, TOLERANCE
        return
    file = os.path.join(in_gguf, "model.gguf")
    problem = exported.stderr.strip() if exported.returncode else check_gguf(file, model)
    yield (problem or "gguf"), 1.0 if problem else 0.0, TOLERANCE
    if problem:
        return
    if llama:
        yield "llama.cpp", relative(llama.logits(file, tokens), theirs), LLAMA_TOLERANCE
    run(cli, "export", in_gguf, "--out", back)
    again = transformers.AutoModelForCausalLM.from_pretrained(back, dtype=torch.float32).eval()
    yield "and back", relative(their_logits(again, tokens), theirs), TOLERANCE


def main():
    cli = os.path.abspath(sys.argv[1])
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    llama = llama_or_none()
    failures = 0
    for name, kind, settings, runs_in_llama in CASES:
        with tempfile.TemporaryDirectory() as scratch:
            results = list(check_case(cli, llama, kind, settings, runs_in_llama, scratch))
        good = all(difference <= tolerance for _, difference, tolerance in results)
        failures += not good
        print(f"{name:34} {', '.join(f'{what} {off:.1e}' for what, off, _ in results)}: {'same' if good else 'DIFFERENT'}",
              flush=True)
    sys.exit(1 if failures else 0)


main()
