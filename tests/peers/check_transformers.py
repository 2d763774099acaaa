#!/usr/bin/env python3
"""Does stock code load what we export, and give the same logits?

    check_transformers.py PERFMAMBA_CLI DEMO_FOLDER

Prunes each demo by the command line program in the uniform and the masked form, loads the folder with the transformers
package, and compares its logits with ours. Exit code 77, which ctest counts as skipped, where torch, transformers or
h5py is not installed.
"""
import os
import subprocess
import sys
import tempfile

SKIPPED = 77
TOLERANCE = 1e-4  # of the largest logit; both compute in float32
TOKENS = 48

try:
    import h5py
    import numpy as np
    import torch
    import transformers
except ImportError as missing:
    print(f"skipped: {missing}; 'pip install torch transformers h5py' makes this test run")
    sys.exit(SKIPPED)

CASES = [
    # demo, form, how much stays
    ("mamba2-recall", "uniform", ["--keep", "0.5"]),
    ("mamba2-recall", "masked", ["--keep", "0.5"]),
    ("mamba2-bytes", "uniform", ["--budget", "0.4"]),  # layers with fewer states, filled up with zeroed ones
    ("mamba2-bytes", "masked", ["--budget", "0.4"]),
    ("mamba1-recall", "uniform", ["--keep", "0.25"]),
    ("mamba1-bytes", "uniform", ["--budget", "0.5", "--layer", "2=0"]),  # a layer with every state pruned
    ("mamba1-bytes", "masked", ["--keep", "0.5"]),
]


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def our_logits(cli, folder, tokens, scratch):
    file = os.path.join(scratch, "logits.h5")
    run(cli, "logits", folder, "--tokens", ",".join(map(str, tokens)), "--all", "--out", file)
    with h5py.File(file) as report:
        return report["logits"][0]


def their_logits(folder, tokens):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0].numpy()


def main():
    cli, demos = sys.argv[1:]
    transformers.logging.set_verbosity_error()
    failures = 0
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    for demo, form, amount in CASES:
        with tempfile.TemporaryDirectory() as scratch:
            folder = os.path.join(scratch, "pruned")
            run(cli, "prune", os.path.join(demos, demo), "--criterion", "magnitude", *amount, "--form", form,
                "--out", folder)
            vocabulary = transformers.AutoConfig.from_pretrained(folder).vocab_size
            tokens = np.random.default_rng(1).integers(0, vocabulary, TOKENS).tolist()
            ours, theirs = our_logits(cli, folder, tokens, scratch), their_logits(folder, tokens)
        difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
        verdict = "same" if difference <= TOLERANCE else "DIFFERENT"
        failures += verdict != "same"
        print(f"{demo:14} {form:8} {' '.join(amount):28} largest difference {difference:.1e} of the largest: {verdict}")
    sys.exit(1 if failures else 0)


main()
